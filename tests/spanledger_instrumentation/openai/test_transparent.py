"""The app sees of a stream exactly what it would have seen without us, and as early."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import httpx2
import openai
import pytest
from tests.support.asking import MODEL, said
from tests.support.scripted import Pieces, asked_for_usage, async_client_of, chat_events, client_of, streaming
from tests.support.telemetry import Telemetry

from spanledger.semconv import names
from spanledger_instrumentation.openai import OpenAIAdapter

PLAIN = b"".join(chat_events(asked=False))


def answer(request: httpx2.Request) -> httpx2.Response:
    """Event by event, with usage where it is asked for."""
    return streaming(chat_events(asked_for_usage(request)))


def encoded(how: str, piece: int = 7) -> Callable[[httpx2.Request], httpx2.Response]:
    """The same compressed, in small pieces."""

    def handle(request: httpx2.Request) -> httpx2.Response:
        plain = b"".join(chat_events(asked_for_usage(request)))
        body = gzip.compress(plain) if how == "gzip" else zlib.compress(plain)
        cut = [body[at : at + piece] for at in range(0, len(body), piece)]
        return streaming(cut, **{"content-encoding": how})

    return handle


def both(telemetry: Telemetry, see: Callable[[], Any]) -> tuple[Any, Any]:
    """What an app sees without the adapter, and with it."""
    before = see()
    adapter = OpenAIAdapter(telemetry.calls)
    adapter.install()
    try:
        return before, see()
    finally:
        adapter.uninstall()


def chunks(handler: Callable[[httpx2.Request], httpx2.Response], **more: Any) -> list[Any]:
    with client_of(handler) as client:
        stream = client.chat.completions.create(model=MODEL, messages=said(), stream=True, **more)
        return [(type(c), c.model_dump(), sorted(c.model_fields_set), c.model_extra) for c in stream]


@pytest.mark.parametrize("handler", [answer, encoded("gzip"), encoded("deflate")], ids=["plain", "gzip", "deflate"])
def test_chunks_are_those_of_a_stream_that_was_not_asked_for_usage(
    telemetry: Telemetry, handler: Callable[[httpx2.Request], httpx2.Response]
) -> None:
    without, ours = both(telemetry, lambda: chunks(handler))
    assert ours == without
    assert telemetry.attributes[names.GEN_AI_USAGE_INPUT_TOKENS] == 100


def test_async_chunks_are_those_of_a_stream_that_was_not_asked_for_usage(telemetry: Telemetry) -> None:
    async def ask() -> list[Any]:
        async with async_client_of(answer) as client:
            stream = await client.chat.completions.create(model=MODEL, messages=said(), stream=True)
            return [(type(c), c.model_dump(), sorted(c.model_fields_set)) async for c in stream]

    without, ours = both(telemetry, lambda: asyncio.run(ask()))
    assert ours == without


READERS: list[Callable[[httpx2.Response], Any]] = [
    lambda response: b"".join(response.iter_bytes()),
    lambda response: "".join(response.iter_text()),
    lambda response: list(response.iter_lines()),
    lambda response: response.read(),
    lambda response: b"".join(response.iter_bytes(3)),
]


@pytest.mark.parametrize("handler", [answer, encoded("gzip"), encoded("deflate")], ids=["plain", "gzip", "deflate"])
@pytest.mark.parametrize("reader", READERS, ids=["bytes", "text", "lines", "read", "threes"])
def test_a_raw_stream_has_the_bytes_of_one_that_was_not_asked_for_usage(
    telemetry: Telemetry, reader: Callable[[Any], Any], handler: Callable[[httpx2.Request], httpx2.Response]
) -> None:
    def see() -> Any:
        with client_of(handler) as client:
            create = client.chat.completions.with_streaming_response.create
            with create(model=MODEL, messages=said(), stream=True) as response:
                return reader(response.http_response)

    without, ours = both(telemetry, see)
    assert ours == without
    assert telemetry.attributes[names.GEN_AI_USAGE_INPUT_TOKENS] == 100


def raw(handler: Callable[[httpx2.Request], httpx2.Response]) -> bytes:
    with client_of(handler) as client:
        create = client.chat.completions.with_streaming_response.create
        with create(model=MODEL, messages=said(), stream=True) as response:
            return b"".join(response.http_response.iter_raw())


def test_uncompressed_raw_bytes_are_those_of_a_stream_that_was_not_asked_for_usage(telemetry: Telemetry) -> None:
    without, ours = both(telemetry, lambda: raw(answer))
    assert ours == without == PLAIN


def test_compressed_raw_bytes_pass_as_they_came_and_the_call_ends_as_an_estimate(metered: Telemetry) -> None:
    assert gzip.decompress(raw(encoded("gzip"))).startswith(PLAIN[:20])
    assert metered.attributes[names.SPANLEDGER_USAGE_ESTIMATED] is True


def test_the_stream_is_handed_over_before_its_first_piece_and_every_piece_as_it_comes(telemetry: Telemetry) -> None:
    def see() -> list[str]:
        log: list[str] = []
        handler = lambda request: streaming(Pieces(chat_events(asked_for_usage(request)), log))  # noqa: E731
        with client_of(handler) as client:
            stream = client.chat.completions.create(model=MODEL, messages=said(), stream=True)
            log.append("handed over")
            log.extend(f"seen {number}" for number, _ in enumerate(stream))
        return log

    without, ours = both(telemetry, see)
    assert ours[:-2] == without[:-1] == ["handed over", *(f"{w} {n}" for n in range(6) for w in ("sent", "seen"))]


def test_a_response_of_the_app_is_streamed_as_late_as_without_us(telemetry: Telemetry) -> None:
    def see() -> list[str]:
        log: list[str] = []
        body = Pieces([b'{"id":"chatcmpl-1",', b'"choices":[],', b'"created":1}'], log)
        response = httpx2.Response(200, headers={"content-type": "application/json"}, stream=body)
        with client_of(lambda _: response) as client:
            create = client.chat.completions.with_streaming_response.create
            with create(model=MODEL, messages=said()) as streamed:
                log.append("handed over")
                log.extend(piece.decode() for piece in streamed.iter_bytes())
        return log

    without, ours = both(telemetry, see)
    assert ours == without


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"\r\r"], ids=["lf", "crlf", "cr"])
def test_events_may_be_cut_between_any_two_bytes(telemetry: Telemetry, end: bytes) -> None:
    body = b"".join(chat_events(asked=True, words=["é"], end=end))
    plain = b"".join(chat_events(asked=False, words=["é"], end=end))
    adapter = OpenAIAdapter(telemetry.calls)
    adapter.install()
    wrong, cut = [], 0
    with client_of(lambda _: streaming([body[:cut], body[cut:]])) as client:
        create = client.chat.completions.with_streaming_response.create
        for cut in range(1, len(body)):
            with create(model=MODEL, messages=said(), stream=True) as response:
                if response.read() != plain:
                    wrong.append(cut)
    adapter.uninstall()
    assert wrong == []
    assert {(span.attributes or {})[names.GEN_AI_USAGE_INPUT_TOKENS] for span in telemetry.metered} == {100}
    assert len(telemetry.metered) == len(body) - 1


def test_single_bytes_are_events_too(metered: Telemetry) -> None:
    body = b"".join(chat_events(asked=True))
    assert raw(lambda _: streaming([body[at : at + 1] for at in range(len(body))])) == PLAIN


@pytest.mark.parametrize("cut", [1, 5, 17])
def test_an_unfinished_last_event_reaches_the_app(telemetry: Telemetry, cut: int) -> None:
    body = b"".join(chat_events(asked=False))[:-cut]
    without, ours = both(telemetry, lambda: raw(lambda _: streaming([body])))
    assert ours == without == body


def test_a_server_that_sends_null_usage_unasked_keeps_it(telemetry: Telemetry) -> None:
    body: Sequence[bytes] = [b'data: {"id":"1","choices":[{"index":0,"delta":{"content":"x"}}],"usage":null}\n\n']
    without, ours = both(telemetry, lambda: raw(lambda _: streaming([*body, b"data: [DONE]\n\n"])))
    assert ours == without


def test_the_text_usage_null_in_an_answer_is_not_touched(telemetry: Telemetry) -> None:
    text = 'say , "usage": null , and "usage":null,'
    events = lambda request: streaming(chat_events(asked_for_usage(request), words=[text]))  # noqa: E731
    without, ours = both(telemetry, lambda: chunks(events))
    assert ours == without


def test_objects_are_of_the_classes_of_the_client(telemetry: Telemetry) -> None:
    def see() -> list[type]:
        with client_of(answer) as client:
            stream = client.chat.completions.create(model=MODEL, messages=said(), stream=True)
            assert isinstance(stream, openai.Stream)
            found = [type(stream), type(stream.response), type(next(stream))]
            stream.close()
            return found

    without, ours = both(telemetry, see)
    assert ours == without


def test_the_connection_is_given_back_when_a_stream_is_read(metered: Telemetry) -> None:
    body = Pieces(chat_events(asked=True))
    with client_of(lambda _: streaming(body)) as client:
        list(client.chat.completions.create(model=MODEL, messages=said(), stream=True))
        assert body.closed == 1
