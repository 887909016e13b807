"""What an app sees of the client is the same with us and without, and as late."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from typing import Any

import anthropic
import httpx2
import pytest
from tests.support.claude import MODEL, async_client_of, client_of, events, said, sse, streaming
from tests.support.scripted import Pieces
from tests.support.telemetry import Telemetry

from spanledger.semconv import names
from spanledger_instrumentation.anthropic import AnthropicAdapter

BODY = b"".join(sse(events()))
ASK: dict[str, Any] = {"model": MODEL, "max_tokens": 50, "messages": said()}


def answer(_request: httpx2.Request) -> httpx2.Response:
    return streaming(sse(events()))


def compressed(_request: httpx2.Request) -> httpx2.Response:
    body = gzip.compress(BODY)
    return streaming([body[at : at + 7] for at in range(0, len(body), 7)], **{"content-encoding": "gzip"})


def both(telemetry: Telemetry, see: Callable[[], Any]) -> tuple[Any, Any]:
    """What an app sees without the adapter, and with it."""
    before = see()
    adapter = AnthropicAdapter(telemetry.calls)
    adapter.install()
    try:
        return before, see()
    finally:
        adapter.uninstall()


@pytest.mark.parametrize("handler", [answer, compressed])
def test_events_are_those_of_the_client(telemetry: Telemetry, handler: Callable[[Any], httpx2.Response]) -> None:
    def see() -> list[Any]:
        with client_of(handler) as client:
            stream = client.messages.create(**ASK, stream=True)
            return [(type(e), e.model_dump(), sorted(e.model_fields_set)) for e in stream]

    without, ours = both(telemetry, see)
    assert ours == without
    assert telemetry.attributes[names.GEN_AI_USAGE_INPUT_TOKENS] == 100


def test_async_events_are_those_of_the_client(telemetry: Telemetry) -> None:
    async def ask() -> list[Any]:
        async with async_client_of(answer) as client:
            return [(type(e), e.model_dump()) async for e in await client.messages.create(**ASK, stream=True)]

    without, ours = both(telemetry, lambda: asyncio.run(ask()))
    assert ours == without
    assert telemetry.attributes[names.GEN_AI_USAGE_OUTPUT_TOKENS] == 20


def test_objects_are_of_the_classes_of_the_client(telemetry: Telemetry) -> None:
    def see() -> list[type]:
        with client_of(answer) as client:
            stream = client.messages.create(**ASK, stream=True)
            assert isinstance(stream, anthropic.Stream)
            found = [type(stream), type(stream.response), type(next(stream))]
            stream.close()
            with client.messages.stream(**ASK) as helper:
                return [*found, type(helper), type(helper.get_final_message())]

    without, ours = both(telemetry, see)
    assert ours == without


def test_the_stream_is_handed_over_before_its_first_piece_and_every_piece_as_it_comes(telemetry: Telemetry) -> None:
    def see() -> list[str]:
        log: list[str] = []
        with client_of(lambda _: streaming(Pieces(sse(events()), log))) as client:
            stream = client.messages.create(**ASK, stream=True)
            log.append("handed over")
            log.extend(f"seen {event.type}" for event in stream)
        return log

    without, ours = both(telemetry, see)
    assert ours == without
    assert ours[:3] == ["handed over", "sent 0", "seen message_start"]


def raw(handler: Callable[[httpx2.Request], httpx2.Response]) -> bytes:
    with client_of(handler) as client, client.messages.with_streaming_response.create(**ASK, stream=True) as response:
        return b"".join(response.iter_bytes())


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"\r\r"], ids=["lf", "crlf", "cr"])
def test_events_may_be_cut_between_any_two_bytes(metered: Telemetry, end: bytes) -> None:
    body = b"".join(sse(events(["é"]), end))
    wrong, cut = [], 0
    with client_of(lambda _: streaming([body[:cut], body[cut:]])) as client:
        create = client.messages.with_streaming_response.create
        for cut in range(1, len(body)):
            with create(**ASK, stream=True) as response:
                if b"".join(response.iter_bytes()) != body:
                    wrong.append(cut)
    assert wrong == []
    found = metered.said
    assert len(found) == len(body) - 1
    assert {said[names.GEN_AI_USAGE_INPUT_TOKENS] for said in found} == {100}
    assert {said[names.GEN_AI_USAGE_OUTPUT_TOKENS] for said in found} == {20}
    assert not any(names.SPANLEDGER_USAGE_ESTIMATED in said for said in found)


def test_single_bytes_are_events_too(metered: Telemetry) -> None:
    assert raw(lambda _: streaming([BODY[at : at + 1] for at in range(len(BODY))])) == BODY
    assert metered.attributes[names.GEN_AI_USAGE_OUTPUT_TOKENS] == 20


@pytest.mark.parametrize("cut", [1, 5, 17, 60])
def test_an_unfinished_last_event_reaches_the_app(telemetry: Telemetry, cut: int) -> None:
    without, ours = both(telemetry, lambda: raw(lambda _: streaming([BODY[:-cut]])))
    assert ours == without == BODY[:-cut]


def test_the_arguments_of_the_app_are_left_as_they_are(metered: Telemetry) -> None:
    asked = {**ASK, "extra_body": {"top_k": 5}}
    before = repr(asked)
    with client_of(answer) as client:
        list(client.messages.create(**asked, stream=True))
    assert repr(asked) == before
    assert metered.attributes[names.GEN_AI_REQUEST_TOP_K] == 5


def test_the_request_is_sent_as_without_us(telemetry: Telemetry) -> None:
    def see() -> list[Any]:
        sent: list[Any] = []

        def handle(request: httpx2.Request) -> httpx2.Response:
            headers = {k: v for k, v in request.headers.items() if k not in ("traceparent", "tracestate")}
            sent.append((request.method, str(request.url), request.content, headers))
            return streaming(sse(events()))

        with client_of(handle) as client:
            list(client.messages.create(**ASK, stream=True))
        return sent

    without, ours = both(telemetry, see)
    assert ours == without


def test_the_connection_is_given_back_when_a_stream_is_read(metered: Telemetry) -> None:
    body = Pieces(sse(events()))
    with client_of(lambda _: streaming(body)) as client:
        list(client.messages.create(**ASK, stream=True))
        assert body.closed == 1
