"""Claude on Bedrock and Vertex, and behind other hosts: whose prices hold, and streams in Amazon's frames."""

from __future__ import annotations

import asyncio
from typing import Any

import anthropic
import httpx2
import pytest
from tests.support.claude import MODEL, USAGE, client_of, message, said
from tests.support.telemetry import Telemetry

from provider import Provider
from spanledger.semconv import names

BEDROCK, VERTEX = "us.anthropic.claude-haiku-4-5-20251001-v1:0", "claude-haiku-4-5@20251001"


def bedrock(provider: Provider, key: str, http: httpx2.Client) -> anthropic.AnthropicBedrock:
    return anthropic.AnthropicBedrock(
        base_url=provider.url, api_key=key, aws_region="us-east-1", max_retries=0, http_client=http
    )


def vertex(provider: Provider, key: str, http: httpx2.Client) -> anthropic.AnthropicVertex:
    return anthropic.AnthropicVertex(
        base_url=f"{provider.url}/v1", access_token=key, project_id="p", region="us-east5", max_retries=0,
        http_client=http,
    )  # fmt: skip


def metered_once(telemetry: Telemetry, who: str, model: str) -> dict[str, Any]:
    found = telemetry.attributes
    assert found[names.GEN_AI_PROVIDER_NAME] == who
    assert found[names.GEN_AI_REQUEST_MODEL] == model
    assert found[names.GEN_AI_RESPONSE_MODEL] == "claude-haiku-4-5-20251001"
    assert found[names.GEN_AI_USAGE_INPUT_TOKENS] == 100
    assert found[names.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS] == 40
    assert found[names.GEN_AI_USAGE_OUTPUT_TOKENS] == 20
    assert found[names.SPANLEDGER_PRICE_STATUS] == "priced"
    assert names.SPANLEDGER_USAGE_ESTIMATED not in found
    return found


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_bedrock_is_metered_with_its_frames(
    provider: Provider, key: str, http: httpx2.Client, traced: Telemetry, stream: bool
) -> None:
    asked = bedrock(provider, key, http).messages.create(model=BEDROCK, max_tokens=100, messages=said(), stream=stream)
    if stream:
        kinds = [event.type for event in asked]  # type: ignore[union-attr]
        assert kinds[-1] == "message_stop"
    found = metered_once(traced, "aws.bedrock", BEDROCK)
    assert (names.GEN_AI_REQUEST_STREAM in found) is stream
    assert sum(names.GEN_AI_USAGE_INPUT_TOKENS in (span.attributes or {}) for span in traced.spans) == 1


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_vertex_is_metered(provider: Provider, key: str, http: httpx2.Client, traced: Telemetry, stream: bool) -> None:
    asked = vertex(provider, key, http).messages.create(model=VERTEX, max_tokens=100, messages=said(), stream=stream)
    if stream:
        list(asked)
    metered_once(traced, "gcp.vertex_ai", VERTEX)
    assert sum(names.GEN_AI_USAGE_INPUT_TOKENS in (span.attributes or {}) for span in traced.spans) == 1


def test_an_async_stream_of_bedrock_is_metered(provider: Provider, key: str, metered: Telemetry) -> None:
    async def ask() -> None:
        http = httpx2.AsyncClient(verify=False)
        async with (
            anthropic.AsyncAnthropicBedrock(
                base_url=provider.url, api_key=key, aws_region="us-east-1", max_retries=0, http_client=http
            ) as client,
            client.messages.stream(model=BEDROCK, max_tokens=100, messages=said()) as stream,
        ):
            await stream.get_final_message()

    asyncio.run(ask())
    metered_once(metered, "aws.bedrock", BEDROCK)


def test_a_path_of_bedrock_asked_by_hand_is_metered(
    provider: Provider, key: str, http: httpx2.Client, metered: Telemetry
) -> None:
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 100, "messages": said()}
    bedrock(provider, key, http).post(f"/model/{BEDROCK}/invoke", body=body, cast_to=object)
    metered_once(metered, "aws.bedrock", BEDROCK)


def test_a_frame_that_is_an_exception_is_the_failure_of_the_call(
    provider: Provider, key: str, http: httpx2.Client, metered: Telemetry
) -> None:
    asked = said(f"<<fault=stream_error after=2>> {USAGE}")
    with pytest.raises(anthropic.APIStatusError):
        list(bedrock(provider, key, http).messages.create(model=BEDROCK, max_tokens=100, messages=asked, stream=True))
    assert metered.one.status.status_code.name == "ERROR"
    assert metered.attributes[names.ERROR_TYPE] == "modelStreamErrorException"
    assert metered.attributes[names.GEN_AI_USAGE_INPUT_TOKENS] == 100
    assert metered.attributes[names.SPANLEDGER_USAGE_ESTIMATED] is True


def test_frames_may_be_cut_between_any_two_bytes(
    provider: Provider, key: str, http: httpx2.Client, metered: Telemetry
) -> None:
    path = f"{provider.url}/model/{BEDROCK}/invoke-with-response-stream"
    asked = {"max_tokens": 9, "messages": said("<<input=100 output=3>> Hello")}
    body = http.post(path, headers={"authorization": f"Bearer {key}"}, json=asked).content
    kind = {"content-type": "application/vnd.amazon.eventstream"}
    cuts = iter(range(1, len(body), 11))
    handler = lambda _: httpx2.Response(200, headers=kind, stream=Cut(body, next(cuts)))  # noqa: E731
    client = bedrock(provider, key, httpx2.Client(transport=httpx2.MockTransport(handler)))
    for _ in range(1, len(body), 11):
        list(client.messages.create(model=BEDROCK, max_tokens=9, messages=said(), stream=True))
    found = metered.said
    assert len(found) == len(range(1, len(body), 11))
    assert {said[names.GEN_AI_USAGE_INPUT_TOKENS] for said in found} == {100}
    assert {said[names.GEN_AI_USAGE_OUTPUT_TOKENS] for said in found} == {3}


class Cut(httpx2.SyncByteStream):
    """A body in two pieces."""

    def __init__(self, body: bytes, at: int) -> None:
        self._pieces = (body[:at], body[at:])

    def __iter__(self) -> Any:
        return iter(self._pieces)


HOSTS = [
    ("https://api.anthropic.com", "anthropic"),
    ("http://localhost:4000", "anthropic"),
    ("https://llm.example.com/anthropic", "anthropic"),
    ("https://openrouter.ai/api", "openrouter"),
    ("https://api.deepseek.com/anthropic", "deepseek"),
]


@pytest.mark.parametrize(("base_url", "who"), HOSTS)
def test_the_provider_is_named_by_the_host(metered: Telemetry, base_url: str, who: str) -> None:
    with client_of(lambda _: httpx2.Response(200, json=message()), base_url) as client:
        client.messages.create(model=MODEL, max_tokens=10, messages=said())
    assert metered.attributes[names.GEN_AI_PROVIDER_NAME] == who


def test_foundry_is_priced_as_anthropic(metered: Telemetry) -> None:
    http = httpx2.Client(transport=httpx2.MockTransport(lambda _: httpx2.Response(200, json=message())))
    url = "https://acme.services.ai.azure.com/anthropic/"
    client = anthropic.AnthropicFoundry(api_key="k", base_url=url, http_client=http, max_retries=0)
    client.messages.create(model=MODEL, max_tokens=10, messages=said())
    assert metered.attributes[names.GEN_AI_PROVIDER_NAME] == "anthropic"
    assert metered.attributes[names.SPANLEDGER_PRICE_STATUS] == "priced"
