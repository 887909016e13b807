"""Each way to call a chat model through the client makes one metered span with the tokens of the bill."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI
from pydantic import BaseModel
from tests.support import wholes
from tests.support.asking import MODEL, USAGE, later, said
from tests.support.telemetry import Telemetry, whole
from tests.support.wholes import FIRST, PARSED

from provider import Provider
from spanledger.semconv import names


class City(BaseModel):
    name: str


def _plain(client: openai.OpenAI) -> None:
    client.chat.completions.create(model=MODEL, messages=said())


def _stream(client: openai.OpenAI) -> None:
    list(client.chat.completions.create(model=MODEL, messages=said(), stream=True))


def _stream_with(client: openai.OpenAI) -> None:
    with client.chat.completions.create(model=MODEL, messages=said(), stream=True) as stream:
        for _ in stream:
            pass


def _stream_helper(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(model=MODEL, messages=said()) as stream:
        stream.until_done()


def _parse(client: openai.OpenAI) -> None:
    client.chat.completions.parse(model=MODEL, messages=said(), response_format=City)


def _raw(client: openai.OpenAI) -> None:
    client.chat.completions.with_raw_response.create(model=MODEL, messages=said()).parse()


def _raw_unread(client: openai.OpenAI) -> None:
    client.chat.completions.with_raw_response.create(model=MODEL, messages=said())


def _raw_stream(client: openai.OpenAI) -> None:
    list(client.chat.completions.with_raw_response.create(model=MODEL, messages=said(), stream=True).parse())


def _streaming_response(client: openai.OpenAI) -> None:
    with client.chat.completions.with_streaming_response.create(model=MODEL, messages=said()) as response:
        response.parse()


def _streaming_response_bytes(client: openai.OpenAI) -> None:
    with client.chat.completions.with_streaming_response.create(model=MODEL, messages=said()) as response:
        b"".join(response.iter_bytes())


def _streaming_response_events(client: openai.OpenAI) -> None:
    create = client.chat.completions.with_streaming_response.create
    with create(model=MODEL, messages=said(), stream=True) as response:
        list(response.iter_lines())


def _streaming_response_parsed(client: openai.OpenAI) -> None:
    create = client.chat.completions.with_streaming_response.create
    with create(model=MODEL, messages=said(), stream=True) as response:
        list(response.parse())


def _post(client: openai.OpenAI) -> None:
    client.post("/chat/completions", body={"model": MODEL, "messages": said()}, cast_to=object)


def _with_options(client: openai.OpenAI) -> None:
    _plain(client.with_options(timeout=30))


SYNC = [
    _plain, _stream, _stream_with, _stream_helper, _parse, _raw, _raw_unread, _raw_stream, _streaming_response,
    _streaming_response_bytes, _streaming_response_events, _streaming_response_parsed, _post, _with_options,
]  # fmt: skip
STREAMED = {_stream, _stream_with, _stream_helper, _raw_stream, _streaming_response_events, _streaming_response_parsed}


async def _aplain(client: AsyncOpenAI) -> None:
    await client.chat.completions.create(model=MODEL, messages=said())


async def _astream(client: AsyncOpenAI) -> None:
    async for _ in await client.chat.completions.create(model=MODEL, messages=said(), stream=True):
        pass


async def _astream_helper(client: AsyncOpenAI) -> None:
    async with client.chat.completions.stream(model=MODEL, messages=said()) as stream:
        await stream.until_done()


async def _aparse(client: AsyncOpenAI) -> None:
    await client.chat.completions.parse(model=MODEL, messages=said(), response_format=City)


async def _araw(client: AsyncOpenAI) -> None:
    (await client.chat.completions.with_raw_response.create(model=MODEL, messages=said())).parse()


async def _araw_stream(client: AsyncOpenAI) -> None:
    raw = await client.chat.completions.with_raw_response.create(model=MODEL, messages=said(), stream=True)
    async for _ in raw.parse():
        pass


async def _astreaming_response(client: AsyncOpenAI) -> None:
    async with client.chat.completions.with_streaming_response.create(model=MODEL, messages=said()) as response:
        await response.parse()


async def _astreaming_response_events(client: AsyncOpenAI) -> None:
    create = client.chat.completions.with_streaming_response.create
    async with create(model=MODEL, messages=said(), stream=True) as response:
        async for _ in response.iter_lines():
            pass


async def _apost(client: AsyncOpenAI) -> None:
    await client.post("/chat/completions", body={"model": MODEL, "messages": said()}, cast_to=object)


ASYNC = [_aplain, _astream, _astream_helper, _aparse, _araw, _araw_stream, _astreaming_response,
         _astreaming_response_events, _apost]  # fmt: skip
ASYNC_STREAMED = {_astream, _astream_helper, _araw_stream, _astreaming_response_events}


def _more(streamed: bool, name: str) -> dict[str, Any]:
    return (FIRST if streamed or "streaming" in name else {}) | (PARSED if "parse" in name.split("_")[1:2] else {})


@pytest.mark.parametrize("path", SYNC, ids=lambda path: path.__name__.strip("_"))
def test_a_chat_call_is_one_span_with_the_tokens_of_the_bill(
    path: Callable[[openai.OpenAI], None], client: openai.OpenAI, metered: Telemetry, provider: Provider, key: str
) -> None:
    path(client)
    streamed = path in STREAMED
    assert whole(metered.one) == wholes.chat(_more(streamed, path.__name__), streamed=streamed)
    bill = provider.bill(key)
    assert (bill["requests"], bill["input_tokens"], bill["output_tokens"]) == (1, 100, 20)


@pytest.mark.parametrize("path", ASYNC, ids=lambda path: path.__name__.strip("_"))
def test_an_async_chat_call_is_one_span_with_the_tokens_of_the_bill(
    path: Callable[[AsyncOpenAI], Any], metered: Telemetry, provider: Provider, key: str
) -> None:
    later(provider, key, path)
    streamed = path in ASYNC_STREAMED
    more = (FIRST if streamed or "streaming" in path.__name__ else {}) | (PARSED if path is _aparse else {})
    assert whole(metered.one) == wholes.chat(more, streamed=streamed)
    assert provider.bill(key)["requests"] == 1


def test_a_stream_that_asks_for_usage_itself_is_metered_the_same(client: openai.OpenAI, metered: Telemetry) -> None:
    asked = client.chat.completions.create(
        model=MODEL, messages=said(), stream=True, stream_options={"include_usage": True}
    )
    list(asked)
    assert whole(metered.one) == wholes.chat(FIRST, streamed=True)


def test_without_the_adapter_nothing_is_metered(client: openai.OpenAI, telemetry: Telemetry) -> None:
    _plain(client)
    assert telemetry.spans == []


def test_tokens_of_several_choices_are_counted_together(client: openai.OpenAI, metered: Telemetry) -> None:
    list(client.chat.completions.create(model=MODEL, messages=said(f"{USAGE} Two"), n=2, stream=True))
    assert metered.attributes[names.GEN_AI_REQUEST_CHOICE_COUNT] == 2
    assert metered.attributes[names.GEN_AI_RESPONSE_FINISH_REASONS] == ("stop", "stop")
