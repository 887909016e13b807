"""Each way to ask for a message through the client makes one metered span with the tokens of the bill."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anthropic
import pytest
from anthropic import AsyncAnthropic
from pydantic import BaseModel
from tests.support import wholes
from tests.support.claude import MODEL, USAGE, later, said
from tests.support.ends import claiming
from tests.support.telemetry import Telemetry, whole
from tests.support.wholes import FIRST, PARSED

from provider import Provider
from spanledger.semconv import names


class City(BaseModel):
    name: str


ASK: dict[str, Any] = {"model": MODEL, "max_tokens": 100, "messages": said()}


def _plain(client: anthropic.Anthropic) -> None:
    client.messages.create(**ASK)


def _stream(client: anthropic.Anthropic) -> None:
    list(client.messages.create(**ASK, stream=True))


def _stream_with(client: anthropic.Anthropic) -> None:
    with client.messages.create(**ASK, stream=True) as stream:
        for _ in stream:
            pass


def _stream_helper(client: anthropic.Anthropic) -> None:
    with client.messages.stream(**ASK) as stream:
        stream.get_final_message()


def _stream_texts(client: anthropic.Anthropic) -> None:
    with client.messages.stream(**ASK) as stream:
        list(stream.text_stream)


def _parse(client: anthropic.Anthropic) -> None:
    client.messages.parse(**ASK, output_format=City)


def _raw(client: anthropic.Anthropic) -> None:
    client.messages.with_raw_response.create(**ASK).parse()


def _raw_unread(client: anthropic.Anthropic) -> None:
    client.messages.with_raw_response.create(**ASK)


def _raw_stream(client: anthropic.Anthropic) -> None:
    list(client.messages.with_raw_response.create(**ASK, stream=True).parse())


def _streaming_response(client: anthropic.Anthropic) -> None:
    with client.messages.with_streaming_response.create(**ASK) as response:
        response.parse()


def _streaming_response_bytes(client: anthropic.Anthropic) -> None:
    with client.messages.with_streaming_response.create(**ASK) as response:
        b"".join(response.iter_bytes())


def _streaming_response_events(client: anthropic.Anthropic) -> None:
    with client.messages.with_streaming_response.create(**ASK, stream=True) as response:
        list(response.iter_lines())


def _streaming_response_parsed(client: anthropic.Anthropic) -> None:
    with client.messages.with_streaming_response.create(**ASK, stream=True) as response:
        list(response.parse())


def _post(client: anthropic.Anthropic) -> None:
    client.post("/v1/messages", body=dict(ASK), cast_to=object)


def _with_options(client: anthropic.Anthropic) -> None:
    _plain(client.with_options(timeout=30))


def _beta(client: anthropic.Anthropic) -> None:
    client.beta.messages.create(**ASK)


def _beta_stream(client: anthropic.Anthropic) -> None:
    list(client.beta.messages.create(**ASK, stream=True))


def _beta_stream_helper(client: anthropic.Anthropic) -> None:
    with client.beta.messages.stream(**ASK) as stream:
        stream.until_done()


def _beta_parse(client: anthropic.Anthropic) -> None:
    client.beta.messages.parse(**ASK, output_format=City)


def _messages_that_can_be_read_once(client: anthropic.Anthropic) -> None:
    client.messages.create(model=MODEL, max_tokens=100, messages=(m for m in said()))


SYNC = [
    _plain, _stream, _stream_with, _stream_helper, _stream_texts, _parse, _raw, _raw_unread, _raw_stream,
    _streaming_response, _streaming_response_bytes, _streaming_response_events, _streaming_response_parsed, _post,
    _with_options, _beta, _beta_stream, _beta_stream_helper, _beta_parse, _messages_that_can_be_read_once,
]  # fmt: skip
STREAMED = {
    _stream, _stream_with, _stream_helper, _stream_texts, _raw_stream, _streaming_response_events,
    _streaming_response_parsed, _beta_stream, _beta_stream_helper,
}  # fmt: skip


async def _aplain(client: AsyncAnthropic) -> None:
    await client.messages.create(**ASK)


async def _astream(client: AsyncAnthropic) -> None:
    async for _ in await client.messages.create(**ASK, stream=True):
        pass


async def _astream_helper(client: AsyncAnthropic) -> None:
    async with client.messages.stream(**ASK) as stream:
        await stream.get_final_message()


async def _aparse(client: AsyncAnthropic) -> None:
    await client.messages.parse(**ASK, output_format=City)


async def _araw(client: AsyncAnthropic) -> None:
    await (await client.messages.with_raw_response.create(**ASK)).parse()


async def _araw_stream(client: AsyncAnthropic) -> None:
    raw = await client.messages.with_raw_response.create(**ASK, stream=True)
    async for _ in await raw.parse():
        pass


async def _astreaming_response(client: AsyncAnthropic) -> None:
    async with client.messages.with_streaming_response.create(**ASK) as response:
        await response.parse()


async def _astreaming_response_events(client: AsyncAnthropic) -> None:
    async with client.messages.with_streaming_response.create(**ASK, stream=True) as response:
        async for _ in response.iter_lines():
            pass


async def _apost(client: AsyncAnthropic) -> None:
    await client.post("/v1/messages", body=dict(ASK), cast_to=object)


async def _abeta_stream(client: AsyncAnthropic) -> None:
    async for _ in await client.beta.messages.create(**ASK, stream=True):
        pass


ASYNC = [_aplain, _astream, _astream_helper, _aparse, _araw, _araw_stream, _astreaming_response,
         _astreaming_response_events, _apost, _abeta_stream]  # fmt: skip
ASYNC_STREAMED = {_astream, _astream_helper, _araw_stream, _astreaming_response_events, _abeta_stream}


@pytest.mark.parametrize("path", SYNC, ids=lambda path: path.__name__.strip("_"))
def test_a_message_is_one_span_with_the_tokens_of_the_bill(
    path: Callable[[anthropic.Anthropic], None],
    client: anthropic.Anthropic,
    traced: Telemetry,
    provider: Provider,
    key: str,
) -> None:
    path(client)
    streamed = path in STREAMED
    more = (FIRST if streamed or "streaming" in path.__name__ else {}) | (PARSED if "parse" in _words(path) else {})
    assert whole(traced.one) == wholes.message(more, streamed=streamed)
    bill = provider.bill(key)
    assert (bill["requests"], bill["input_tokens"], bill["output_tokens"]) == (1, 100, 20)
    assert claiming(traced) == 1


@pytest.mark.parametrize("path", ASYNC, ids=lambda path: path.__name__.strip("_"))
def test_an_async_message_is_one_span_with_the_tokens_of_the_bill(
    path: Callable[[AsyncAnthropic], Any], traced: Telemetry, provider: Provider, key: str
) -> None:
    later(provider, key, path)
    streamed = path in ASYNC_STREAMED
    more = (FIRST if streamed or "streaming" in path.__name__ else {}) | (PARSED if path is _aparse else {})
    assert whole(traced.one) == wholes.message(more, streamed=streamed)
    assert provider.bill(key)["requests"] == 1
    assert claiming(traced) == 1


def _words(path: Callable[..., Any]) -> list[str]:
    return path.__name__.split("_")


def test_without_the_adapter_nothing_is_metered(client: anthropic.Anthropic, telemetry: Telemetry) -> None:
    _plain(client)
    assert telemetry.spans == []


def test_a_call_that_is_not_metered_keeps_the_span_that_the_client_makes(
    client: anthropic.Anthropic, traced: Telemetry
) -> None:
    client.messages.count_tokens(model=MODEL, messages=said())
    assert [span.name for span in traced.spans] == ["anthropic.messages.count_tokens"]


def test_counting_tokens_is_never_metered(client: anthropic.Anthropic, metered: Telemetry) -> None:
    client.messages.count_tokens(model=MODEL, messages=said())
    client.beta.messages.count_tokens(model=MODEL, messages=said())
    assert metered.spans == []


def test_what_asks_no_model_is_not_metered(client: anthropic.Anthropic, metered: Telemetry) -> None:
    client.get("/v1/models", cast_to=object)
    assert metered.spans == []


def test_what_a_request_asks_for_is_told(client: anthropic.Anthropic, metered: Telemetry) -> None:
    more = {"temperature": 0.5, "top_p": 0.9, "top_k": 40}
    client.messages.create(**ASK, stop_sequences=["END"], extra_body=more)
    found = metered.attributes
    assert {key: found[key] for key in found if key.startswith("gen_ai.request")} == {
        names.GEN_AI_REQUEST_MODEL: MODEL,
        names.GEN_AI_REQUEST_MAX_TOKENS: 100,
        names.GEN_AI_REQUEST_TEMPERATURE: 0.5,
        names.GEN_AI_REQUEST_TOP_P: 0.9,
        names.GEN_AI_REQUEST_TOP_K: 40,
        names.GEN_AI_REQUEST_STOP_SEQUENCES: ("END",),
    }


def test_web_searches_are_part_of_the_price(client: anthropic.Anthropic, metered: Telemetry) -> None:
    _plain(client)
    client.messages.create(**ASK | {"messages": said(USAGE.replace(">>", " searches=3>>"))})
    without, with_searches = (found[names.GEN_AI_USAGE_COST_AMOUNT] for found in metered.said)
    assert with_searches - without == pytest.approx(0.03)
