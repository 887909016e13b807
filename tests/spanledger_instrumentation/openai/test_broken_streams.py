"""Streams that do not reach their end: the span ends once, with what was seen, flagged as an estimate."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable

import openai
import pytest
from openai import AsyncOpenAI
from tests.support.asking import MODEL, fault, later, said
from tests.support.ends import given_up
from tests.support.scripted import Pieces, chat_events, client_of, streaming
from tests.support.telemetry import Telemetry

from provider import Provider
from spanledger.semconv import names

SLOW = "<<gap_ms=5 output=400>> Hello"


def _break(client: openai.OpenAI) -> None:
    for _ in client.chat.completions.create(model=MODEL, messages=said(SLOW), stream=True):
        break


def _close(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(model=MODEL, messages=said(SLOW), stream=True)
    next(stream)
    stream.close()
    stream.close()


def _leave_block(client: openai.OpenAI) -> None:
    with client.chat.completions.create(model=MODEL, messages=said(SLOW), stream=True) as stream:
        next(stream)


def _never_iterate(client: openai.OpenAI) -> None:
    client.chat.completions.create(model=MODEL, messages=said(SLOW), stream=True)


def _never_iterate_but_close(client: openai.OpenAI) -> None:
    client.chat.completions.create(model=MODEL, messages=said(SLOW), stream=True).close()


def _leave_helper(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(model=MODEL, messages=said(SLOW)) as stream:
        next(stream)


def _leave_response(client: openai.OpenAI) -> None:
    create = client.chat.completions.with_streaming_response.create
    with create(model=MODEL, messages=said(SLOW), stream=True) as response:
        next(response.iter_lines())


WAYS = [_break, _close, _leave_block, _never_iterate, _never_iterate_but_close, _leave_helper, _leave_response]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__.strip("_"))
def test_an_abandoned_stream_ends_its_span_as_an_estimate(
    way: Callable[[openai.OpenAI], None], client: openai.OpenAI, metered: Telemetry
) -> None:
    way(client)
    gc.collect()
    given_up(metered)


def test_an_exception_in_the_consumer_is_not_the_failure_of_the_call(client: openai.OpenAI, metered: Telemetry) -> None:
    def consume() -> None:
        with client.chat.completions.create(model=MODEL, messages=said(SLOW), stream=True) as stream:
            next(stream)
            raise LookupError("the app's own")

    with pytest.raises(LookupError, match="the app's own"):
        consume()
    given_up(metered)


def test_an_exception_in_a_loop_without_a_block_ends_the_span_too(client: openai.OpenAI, metered: Telemetry) -> None:
    def consume() -> None:
        for _ in client.chat.completions.create(model=MODEL, messages=said(SLOW), stream=True):
            raise LookupError

    try:
        consume()
    except LookupError as error:
        error.__traceback__ = None
    gc.collect()
    given_up(metered)


def test_what_was_seen_of_an_abandoned_stream_is_charged(metered: Telemetry) -> None:
    with client_of(lambda _: streaming(chat_events(asked=True, words=["word "] * 50))) as client:
        stream = client.chat.completions.create(model=MODEL, messages=said("x" * 400), stream=True)
        for _ in range(31):
            next(stream)
        stream.close()
    found = given_up(metered)
    assert found[names.GEN_AI_USAGE_INPUT_TOKENS] >= 100
    assert found[names.GEN_AI_USAGE_OUTPUT_TOKENS] >= 30


def test_an_estimate_never_exceeds_the_cap_of_the_request(metered: Telemetry) -> None:
    with client_of(lambda _: streaming(chat_events(asked=True, words=["word "] * 50))) as client:
        stream = client.chat.completions.create(model=MODEL, messages=said(), stream=True, max_completion_tokens=7)
        for _ in range(6):
            next(stream)
        stream.close()
    assert given_up(metered)[names.GEN_AI_USAGE_OUTPUT_TOKENS] == 7


def test_a_stream_closed_after_its_usage_was_seen_is_no_estimate(client: openai.OpenAI, metered: Telemetry) -> None:
    stream = client.chat.completions.create(
        model=MODEL, messages=said(), stream=True, stream_options={"include_usage": True}
    )
    for chunk in stream:
        if chunk.usage:
            break
    stream.close()
    assert metered.attributes[names.GEN_AI_USAGE_OUTPUT_TOKENS] == 20
    assert names.SPANLEDGER_USAGE_ESTIMATED not in metered.attributes


def test_a_connection_that_breaks_in_the_stream_is_an_error_with_an_estimate(
    client: openai.OpenAI, metered: Telemetry
) -> None:
    with pytest.raises(openai.APIConnectionError):
        list(client.chat.completions.create(model=MODEL, messages=fault("disconnect after=4"), stream=True))
    given_up(metered, "httpx2.RemoteProtocolError")


def test_an_error_event_in_the_stream_is_the_failure_of_the_call(client: openai.OpenAI, metered: Telemetry) -> None:
    with pytest.raises(openai.APIError):
        list(client.chat.completions.create(model=MODEL, messages=fault("stream_error after=4"), stream=True))
    found = given_up(metered, "openai.APIError")
    assert found[names.GEN_AI_RESPONSE_MODEL] == "gpt-4o-mini-2024-07-18"


def test_a_responses_stream_that_breaks_is_an_error_with_an_estimate(client: openai.OpenAI, metered: Telemetry) -> None:
    with pytest.raises(openai.APIConnectionError):
        list(client.responses.create(model=MODEL, input="<<fault=disconnect after=6>> Hello there", stream=True))
    given_up(metered, "httpx2.RemoteProtocolError")


def test_a_stream_is_cancelled_with_its_task(provider: Provider, key: str, metered: Telemetry) -> None:
    async def ask(client: AsyncOpenAI) -> None:
        begun = asyncio.Event()

        async def consume() -> None:
            async for _ in await client.chat.completions.create(model=MODEL, messages=said(SLOW), stream=True):
                begun.set()

        consuming = asyncio.create_task(consume())
        await begun.wait()
        consuming.cancel()
        with pytest.raises(asyncio.CancelledError):
            await consuming

    later(provider, key, ask)
    given_up(metered, "asyncio.exceptions.CancelledError")


def test_an_async_stream_that_is_left_ends_its_span(provider: Provider, key: str, metered: Telemetry) -> None:
    async def ask(client: AsyncOpenAI) -> None:
        async with await client.chat.completions.create(model=MODEL, messages=said(SLOW), stream=True) as stream:
            async for _ in stream:
                break

    later(provider, key, ask)
    given_up(metered)


def test_an_async_stream_that_is_never_iterated_ends_its_span(provider: Provider, key: str, metered: Telemetry) -> None:
    async def ask(client: AsyncOpenAI) -> None:
        await client.chat.completions.create(model=MODEL, messages=said(SLOW), stream=True)
        gc.collect()

    later(provider, key, ask)
    given_up(metered)


def test_a_stream_without_done_and_usage_is_charged_by_its_text(metered: Telemetry) -> None:
    body = Pieces(chat_events(asked=False)[:-1])
    with client_of(lambda _: streaming(body)) as client:
        list(client.chat.completions.create(model=MODEL, messages=said(), stream=True))
    assert given_up(metered)[names.GEN_AI_USAGE_OUTPUT_TOKENS] == 7
    assert body.closed == 1
