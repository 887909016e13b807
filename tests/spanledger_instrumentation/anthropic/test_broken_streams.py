"""Streams that do not reach their end: the span ends once, with what was seen, flagged as an estimate."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic import AsyncAnthropic
from tests.support.claude import DATED, MODEL, client_of, events, fault, later, said, sse, streaming
from tests.support.ends import given_up
from tests.support.scripted import Pieces
from tests.support.telemetry import Telemetry

from provider import Provider
from spanledger.semconv import names

SLOW = "<<gap_ms=5 output=400>> Hello"
ASK: dict[str, Any] = {"model": MODEL, "max_tokens": 500, "messages": said(SLOW)}


def _break(client: anthropic.Anthropic) -> None:
    for _ in client.messages.create(**ASK, stream=True):
        break


def _close(client: anthropic.Anthropic) -> None:
    stream = client.messages.create(**ASK, stream=True)
    next(stream)
    stream.close()
    stream.close()


def _leave_block(client: anthropic.Anthropic) -> None:
    with client.messages.create(**ASK, stream=True) as stream:
        next(stream)


def _never_iterate(client: anthropic.Anthropic) -> None:
    client.messages.create(**ASK, stream=True)


def _never_iterate_but_close(client: anthropic.Anthropic) -> None:
    client.messages.create(**ASK, stream=True).close()


def _leave_helper(client: anthropic.Anthropic) -> None:
    with client.messages.stream(**ASK) as stream:
        next(iter(stream))


def _leave_response(client: anthropic.Anthropic) -> None:
    with client.messages.with_streaming_response.create(**ASK, stream=True) as response:
        next(response.iter_lines())


WAYS = [_break, _close, _leave_block, _never_iterate, _never_iterate_but_close, _leave_helper, _leave_response]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__.strip("_"))
def test_an_abandoned_stream_ends_its_span_as_an_estimate(
    way: Callable[[anthropic.Anthropic], None], client: anthropic.Anthropic, metered: Telemetry
) -> None:
    way(client)
    gc.collect()
    given_up(metered)


def test_an_exception_in_the_consumer_is_not_the_failure_of_the_call(
    client: anthropic.Anthropic, metered: Telemetry
) -> None:
    def consume() -> None:
        with client.messages.create(**ASK, stream=True) as stream:
            next(stream)
            raise LookupError("the app's own")

    with pytest.raises(LookupError, match="the app's own"):
        consume()
    given_up(metered)


def test_input_is_exact_and_output_is_what_was_seen_when_a_stream_is_abandoned(metered: Telemetry) -> None:
    with client_of(lambda _: streaming(sse(events(["word "] * 50)))) as client:
        stream = client.messages.create(model=MODEL, max_tokens=1000, messages=said("x"), stream=True)
        for _ in range(33):
            next(stream)
        stream.close()
    found = given_up(metered)
    assert found[names.GEN_AI_USAGE_INPUT_TOKENS] == 100
    assert found[names.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS] == 40
    assert found[names.GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS] == 10
    assert found[names.GEN_AI_USAGE_OUTPUT_TOKENS] >= 30
    assert found[names.GEN_AI_RESPONSE_MODEL] == DATED


def test_an_estimate_never_exceeds_the_cap_of_the_request(metered: Telemetry) -> None:
    with client_of(lambda _: streaming(sse(events(["word "] * 50)))) as client:
        stream = client.messages.create(model=MODEL, max_tokens=7, messages=said(), stream=True)
        for _ in range(8):
            next(stream)
        stream.close()
    assert given_up(metered)[names.GEN_AI_USAGE_OUTPUT_TOKENS] == 7


def test_a_stream_is_final_with_its_usage_and_needs_no_message_stop(metered: Telemetry) -> None:
    body = Pieces(sse(events()))
    with client_of(lambda _: streaming(body)) as client:
        stream = client.messages.create(model=MODEL, max_tokens=50, messages=said(), stream=True)
        for event in stream:
            if event.type == "message_delta":
                break
        found = metered.attributes
        stream.close()
    assert found[names.GEN_AI_USAGE_OUTPUT_TOKENS] == 20
    assert names.SPANLEDGER_USAGE_ESTIMATED not in found


def test_a_server_that_ends_the_stream_early_makes_an_estimate(metered: Telemetry) -> None:
    with client_of(lambda _: streaming(sse(events(["word "] * 50)[:30]))) as client:
        list(client.messages.create(model=MODEL, max_tokens=1000, messages=said(), stream=True))
    found = given_up(metered)
    assert found[names.GEN_AI_USAGE_INPUT_TOKENS] == 100
    assert found[names.GEN_AI_USAGE_OUTPUT_TOKENS] >= 27


def test_a_connection_that_breaks_in_the_stream_is_an_error_with_an_estimate(
    client: anthropic.Anthropic, metered: Telemetry
) -> None:
    with pytest.raises(httpx2.RemoteProtocolError):
        list(client.messages.create(**ASK | {"messages": fault("disconnect after=4")}, stream=True))
    given_up(metered, "httpx2.RemoteProtocolError")


def test_an_error_event_in_the_stream_is_the_failure_of_the_call(
    client: anthropic.Anthropic, metered: Telemetry
) -> None:
    with pytest.raises(anthropic.APIStatusError):
        list(client.messages.create(**ASK | {"messages": fault("stream_error after=4")}, stream=True))
    found = given_up(metered, "overloaded_error")
    assert found[names.GEN_AI_RESPONSE_MODEL] == DATED


def test_a_stream_is_cancelled_with_its_task(provider: Provider, key: str, metered: Telemetry) -> None:
    async def ask(client: AsyncAnthropic) -> None:
        begun = asyncio.Event()

        async def consume() -> None:
            async for _ in await client.messages.create(**ASK, stream=True):
                begun.set()

        consuming = asyncio.create_task(consume())
        await begun.wait()
        consuming.cancel()
        with pytest.raises(asyncio.CancelledError):
            await consuming

    later(provider, key, ask)
    given_up(metered, "asyncio.exceptions.CancelledError")


def test_an_async_stream_that_is_left_ends_its_span(provider: Provider, key: str, metered: Telemetry) -> None:
    async def ask(client: AsyncAnthropic) -> None:
        async with await client.messages.create(**ASK, stream=True) as stream:
            async for _ in stream:
                break

    later(provider, key, ask)
    given_up(metered)


def test_an_async_stream_that_is_never_iterated_ends_its_span(provider: Provider, key: str, metered: Telemetry) -> None:
    async def ask(client: AsyncAnthropic) -> None:
        await client.messages.create(**ASK, stream=True)
        gc.collect()

    later(provider, key, ask)
    given_up(metered)
