"""Who is billed: the provider's name by the host of the base URL, Azure by its client."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import openai
import pytest
from tests.support.asking import COST, MODEL, said
from tests.support.telemetry import Telemetry

from provider import Provider
from spanledger.semconv import names

HOSTS = [
    ("https://api.openai.com/v1", "openai"),
    ("https://eu.api.openai.com/v1", "openai"),
    ("https://acme.openai.azure.com/openai/v1", "azure.ai.openai"),
    ("https://acme.services.ai.azure.com/models", "azure.ai.inference"),
    ("https://generativelanguage.googleapis.com/v1beta/openai", "gcp.gemini"),
    ("https://europe-west4-aiplatform.googleapis.com/v1", "gcp.vertex_ai"),
    ("https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1", "aws.bedrock"),
    ("https://api.anthropic.com/v1", "anthropic"),
    ("https://api.deepseek.com", "deepseek"),
    ("https://api.groq.com/openai/v1", "groq"),
    ("https://api.mistral.ai/v1", "mistral_ai"),
    ("https://api.moonshot.ai/v1", "moonshot_ai"),
    ("https://api.perplexity.ai", "perplexity"),
    ("https://api.x.ai/v1", "x_ai"),
    ("https://openrouter.ai/api/v1", "openrouter"),
    ("https://api.together.xyz/v1", "together_ai"),
    ("https://api.fireworks.ai/inference/v1", "fireworks"),
    ("https://adb-1.2.cloud.databricks.com/serving-endpoints", "databricks"),
    ("https://router.huggingface.co/v1", "hugging_face"),
    ("https://llm.example.com/v1", "openai"),
    ("https://notapi.x.ai.example.com/v1", "openai"),
    ("https://fakeapi.x.ai/v1", "openai"),
    ("http://localhost:11434/v1", "openai"),
]
ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": MODEL,
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hi"}}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12},
}


def _answer(_request: httpx2.Request) -> httpx2.Response:
    return httpx2.Response(200, json=ANSWER)


@pytest.mark.parametrize(("base_url", "name"), HOSTS)
def test_the_provider_is_known_by_the_host(metered: Telemetry, base_url: str, name: str) -> None:
    http = httpx2.Client(transport=httpx2.MockTransport(_answer))
    with openai.OpenAI(base_url=base_url, api_key="sk-test", http_client=http) as client:
        client.chat.completions.create(model=MODEL, messages=said())
    found, url = metered.attributes, httpx2.URL(base_url)
    assert (found[names.GEN_AI_PROVIDER_NAME], found[names.SERVER_ADDRESS]) == (name, url.host)
    assert found.get(names.SERVER_PORT) == url.port


def _azure(provider: Provider, key: str, **more: Any) -> dict[str, Any]:
    return {"azure_endpoint": provider.url, "api_key": key, "api_version": "2024-10-21", **more}


def test_azure_is_metered_under_its_own_name(metered: Telemetry, provider: Provider, key: str) -> None:
    with openai.AzureOpenAI(**_azure(provider, key)) as client:
        list(client.chat.completions.create(model=MODEL, messages=said(), stream=True))
    found = metered.attributes
    assert found[names.GEN_AI_PROVIDER_NAME] == "azure.ai.openai"
    assert found[names.GEN_AI_REQUEST_MODEL] == MODEL
    assert found[names.GEN_AI_USAGE_INPUT_TOKENS] == 100
    assert found[names.GEN_AI_USAGE_COST_AMOUNT] == pytest.approx(COST)


def test_azure_with_a_deployment_is_priced_by_the_model_that_answers(
    metered: Telemetry, provider: Provider, key: str
) -> None:
    async def ask() -> None:
        async with openai.AsyncAzureOpenAI(**_azure(provider, key, azure_deployment=MODEL)) as client:
            await client.chat.completions.create(model=MODEL, messages=said())

    asyncio.run(ask())
    assert metered.attributes[names.GEN_AI_PROVIDER_NAME] == "azure.ai.openai"
    assert metered.attributes[names.SPANLEDGER_PRICE_STATUS] == "priced"
    assert provider.log(key)[0]["path"] == f"/openai/deployments/{MODEL}/chat/completions"
