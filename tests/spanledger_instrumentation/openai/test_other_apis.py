"""Responses, embeddings, legacy completions, moderations: one metered span each, with the tokens of the bill."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI
from tests.support.asking import COST, EMBED, LEGACY, MODEL, USAGE, later
from tests.support.telemetry import Telemetry, whole

from provider import Provider
from spanledger.semconv import names

ASK = f"{USAGE} Hello"
RATES = {
    names.SPANLEDGER_RATELIMIT_LIMIT_REQUESTS: int,
    names.SPANLEDGER_RATELIMIT_LIMIT_TOKENS: int,
    names.SPANLEDGER_RATELIMIT_REMAINING_REQUESTS: int,
    names.SPANLEDGER_RATELIMIT_REMAINING_TOKENS: int,
}
CALL = {
    names.GEN_AI_PROVIDER_NAME: "openai",
    names.SERVER_ADDRESS: "127.0.0.1",
    names.SERVER_PORT: int,
    names.SPANLEDGER_CALL_ID: str,
    names.SPANLEDGER_RUN_ID: str,
    names.SPANLEDGER_STAGE: "unattributed",
    names.SPANLEDGER_TENANT_ID: "unattributed",
    **RATES,
}
PRICED = {
    names.GEN_AI_USAGE_COST_CURRENCY: "USD",
    names.GEN_AI_USAGE_COST_SOURCE: "local",
    names.SPANLEDGER_PRICE_STATUS: "priced",
    names.SPANLEDGER_PRICE_VERSION: str,
}
STREAMED = {names.GEN_AI_REQUEST_STREAM: True, names.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK: float}
RESPONSE = {
    **CALL,
    **PRICED,
    names.GEN_AI_OPERATION_NAME: "chat",
    names.GEN_AI_REQUEST_MODEL: MODEL,
    names.GEN_AI_RESPONSE_MODEL: "gpt-4o-mini-2024-07-18",
    names.GEN_AI_RESPONSE_ID: str,
    names.GEN_AI_RESPONSE_FINISH_REASONS: ("stop",),
    names.GEN_AI_USAGE_INPUT_TOKENS: 100,
    names.GEN_AI_USAGE_OUTPUT_TOKENS: 20,
    names.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: 40,
    names.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS: 5,
    names.GEN_AI_USAGE_COST_AMOUNT: COST,
    names.OPENAI_API_TYPE: "responses",
    names.OPENAI_RESPONSE_SERVICE_TIER: "default",
    names.SPANLEDGER_OUTPUT_RATE: float,
}


def span(name: str, attributes: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "kind": "CLIENT", "status": "UNSET", "attributes": attributes, "events": []}


def _response(client: openai.OpenAI) -> None:
    client.responses.create(model=MODEL, input=ASK)


def _response_raw(client: openai.OpenAI) -> None:
    client.responses.with_raw_response.create(model=MODEL, input=ASK).parse()


def _response_stream(client: openai.OpenAI) -> None:
    list(client.responses.create(model=MODEL, input=ASK, stream=True))


def _response_raw_stream(client: openai.OpenAI) -> None:
    list(client.responses.with_raw_response.create(model=MODEL, input=ASK, stream=True).parse())


def _response_helper(client: openai.OpenAI) -> None:
    with client.responses.stream(model=MODEL, input=ASK) as stream:
        stream.until_done()


def _response_streaming(client: openai.OpenAI) -> None:
    with client.responses.with_streaming_response.create(model=MODEL, input=ASK, stream=True) as response:
        list(response.iter_lines())


RESPONSES = [(_response, {}), (_response_raw, {}), (_response_stream, STREAMED), (_response_raw_stream, STREAMED),
             (_response_helper, STREAMED), (_response_streaming, STREAMED)]  # fmt: skip


@pytest.mark.parametrize(("path", "more"), RESPONSES, ids=lambda value: getattr(value, "__name__", ""))
def test_a_response_is_one_span_with_the_tokens_of_the_bill(
    path: Callable[[openai.OpenAI], None], more: dict[str, Any], client: openai.OpenAI, metered: Telemetry
) -> None:
    path(client)
    assert whole(metered.one) == span(f"chat {MODEL}", RESPONSE | more)


def test_an_async_response_stream_is_one_span(metered: Telemetry, provider: Provider, key: str) -> None:
    async def stream(client: AsyncOpenAI) -> None:
        async for _ in await client.responses.create(model=MODEL, input=ASK, stream=True):
            pass

    later(provider, key, stream)
    assert whole(metered.one) == span(f"chat {MODEL}", RESPONSE | STREAMED)


@pytest.mark.parametrize("stream", [False, True])
def test_an_incomplete_response_is_metered_with_the_reason_why_it_stopped(
    client: openai.OpenAI, metered: Telemetry, provider: Provider, key: str, stream: bool
) -> None:
    answer = client.responses.create(
        model=MODEL, input="Tell me a very long story about it", max_output_tokens=16, stream=stream
    )
    if stream:
        list(answer)
    found, bill = metered.attributes, provider.bill(key)
    assert found[names.GEN_AI_RESPONSE_FINISH_REASONS] == ("length",)
    assert found[names.GEN_AI_REQUEST_MAX_TOKENS] == 16
    assert found[names.GEN_AI_USAGE_OUTPUT_TOKENS] == bill["output_tokens"] == 16
    assert found[names.GEN_AI_USAGE_INPUT_TOKENS] == bill["input_tokens"]


def test_a_background_response_is_metered_once_when_it_is_read_done(client: openai.OpenAI, metered: Telemetry) -> None:
    created = client.responses.create(model=MODEL, input=ASK, background=True)
    states = [client.responses.retrieve(created.id).status for _ in range(3)]
    assert states == ["in_progress", "completed", "completed"]
    first, second = metered.metered
    assert names.GEN_AI_USAGE_INPUT_TOKENS not in (first.attributes or {})
    assert names.SPANLEDGER_PRICE_STATUS not in (first.attributes or {})
    without_rates = {k: v for k, v in RESPONSE.items() if k not in RATES}
    assert whole(second) == span(f"chat {MODEL}", without_rates)
    assert [link.context.span_id for link in second.links] == [first.context.span_id if first.context else 0]


def test_a_background_response_that_is_streamed_is_metered_by_its_stream(
    client: openai.OpenAI, metered: Telemetry
) -> None:
    list(client.responses.create(model=MODEL, input=ASK, background=True, stream=True))
    assert whole(metered.one)["attributes"] == RESPONSE | STREAMED


def test_reading_a_response_again_makes_no_span(client: openai.OpenAI, metered: Telemetry) -> None:
    created = client.responses.create(model=MODEL, input=ASK)
    client.responses.retrieve(created.id)
    client.responses.input_items.list(created.id)
    client.responses.delete(created.id)
    assert whole(metered.one)["attributes"] == RESPONSE


def test_compacting_is_metered(client: openai.OpenAI, metered: Telemetry, provider: Provider, key: str) -> None:
    client.responses.compact(model=MODEL, input=ASK)
    found, bill = metered.attributes, provider.bill(key)
    assert found[names.GEN_AI_USAGE_INPUT_TOKENS] == bill["input_tokens"]
    assert found[names.GEN_AI_USAGE_OUTPUT_TOKENS] == bill["output_tokens"]
    assert found[names.SPANLEDGER_PRICE_STATUS] == "priced"


def test_counting_the_tokens_of_an_input_is_no_call(client: openai.OpenAI, metered: Telemetry) -> None:
    client.post("/responses/input_tokens", body={"model": MODEL, "input": "Hello"}, cast_to=object)
    assert metered.spans == []


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_embeddings_are_one_span_with_input_tokens_alone(
    client: openai.OpenAI, metered: Telemetry, encoding: Any
) -> None:
    client.embeddings.create(model=EMBED, input=ASK, encoding_format=encoding, dimensions=256)
    expected = {
        **CALL,
        **PRICED,
        names.GEN_AI_OPERATION_NAME: "embeddings",
        names.GEN_AI_REQUEST_MODEL: EMBED,
        names.GEN_AI_REQUEST_ENCODING_FORMATS: (encoding,),
        names.GEN_AI_RESPONSE_MODEL: EMBED,
        names.GEN_AI_EMBEDDINGS_DIMENSION_COUNT: 256,
        names.GEN_AI_USAGE_INPUT_TOKENS: 100,
        names.GEN_AI_USAGE_OUTPUT_TOKENS: 0,
        names.GEN_AI_USAGE_COST_AMOUNT: 2e-6,
    }
    assert whole(metered.one) == span(f"embeddings {EMBED}", expected)


@pytest.mark.parametrize("stream", [False, True])
def test_a_legacy_completion_is_one_span(client: openai.OpenAI, metered: Telemetry, stream: bool) -> None:
    answer = client.completions.create(model=LEGACY, prompt=ASK, stream=stream)
    if stream:
        list(answer)
    expected = {
        **CALL,
        **PRICED,
        names.GEN_AI_OPERATION_NAME: "text_completion",
        names.GEN_AI_REQUEST_MODEL: LEGACY,
        names.GEN_AI_RESPONSE_MODEL: "gpt-3.5-turbo-instruct:20230824-v2",
        names.GEN_AI_RESPONSE_ID: str,
        names.GEN_AI_RESPONSE_FINISH_REASONS: ("length",),
        names.GEN_AI_USAGE_INPUT_TOKENS: 100,
        names.GEN_AI_USAGE_OUTPUT_TOKENS: 16,
        names.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: 40,
        names.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS: 5,
        names.GEN_AI_USAGE_COST_AMOUNT: 182e-6,
        names.OPENAI_RESPONSE_SYSTEM_FINGERPRINT: str,
        names.SPANLEDGER_OUTPUT_RATE: float,
        **(STREAMED if stream else {}),
    }
    assert whole(metered.one) == span(f"text_completion {LEGACY}", expected)


def test_a_moderation_is_a_span_without_tokens(client: openai.OpenAI, metered: Telemetry) -> None:
    client.moderations.create(model="omni-moderation-latest", input="Hello")
    expected = {
        **CALL,
        names.GEN_AI_OPERATION_NAME: "moderation",
        names.GEN_AI_REQUEST_MODEL: "omni-moderation-latest",
        names.GEN_AI_RESPONSE_MODEL: "omni-moderation-2024-09-26",
        names.GEN_AI_RESPONSE_ID: str,
    }
    assert whole(metered.one) == span("moderation omni-moderation-latest", expected)


def test_listing_models_makes_no_span(client: openai.OpenAI, metered: Telemetry) -> None:
    client.models.list()
    assert metered.spans == []
