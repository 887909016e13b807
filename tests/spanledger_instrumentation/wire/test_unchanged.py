"""The app's requests arrive and its answers are seen as they would without us; other traffic is not touched at all."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
import httpx
import pytest
import requests
from tests.spanledger_instrumentation.wire.conftest import Asked, Says, Server
from tests.support.asking import MODEL
from tests.support.scripted import chat_events, completion
from tests.support.telemetry import Telemetry
from tests.support.ways import JSON, WAYS, Way, written

from spanledger.semconv import names
from spanledger_instrumentation.wire import WireAdapter

CHAT = {"model": MODEL, "messages": [{"role": "user", "content": "Hällo   ☃ \u2028"}], "temperature": 1.0}
STREAM = {**CHAT, "stream": True}
PATH = "/v1/chat/completions"


def asked_for_usage(asked: Asked) -> bool:
    return bool((json.loads(asked.body).get("stream_options") or {}).get("include_usage"))


def streaming(end: bytes = b"\n\n") -> Callable[[Asked], Says]:
    """A chat stream, one event a piece, with usage where it is asked for."""
    return lambda asked: Says(chat_events(asked_for_usage(asked), end=end), "text/event-stream")


def zipped(asked: Asked) -> Says:
    body = gzip.compress(b"".join(chat_events(asked_for_usage(asked))))
    pieces = [body[at : at + 50] for at in range(0, len(body), 50)]
    return Says(pieces, "text/event-stream", headers={"content-encoding": "gzip"})


def both(telemetry: Telemetry, see: Callable[[], Any]) -> tuple[Any, Any]:
    """What an app sees without the adapter, and with it."""
    before = see()
    adapter = WireAdapter(telemetry.calls)
    adapter.install()
    try:
        return before, see()
    finally:
        adapter.uninstall()


@pytest.mark.parametrize("answer", [streaming(), streaming(b"\r\n\r\n"), zipped], ids=["plain", "crlf", "gzip"])
@pytest.mark.parametrize("read", ["stream", "ask"], ids=["line by line", "at once"])
def test_a_stream_looks_as_if_it_had_not_been_asked_for_usage(
    way: Way, read: str, answer: Callable[[Asked], Says], telemetry: Telemetry, server: Server
) -> None:
    server.answer = answer
    before, after = both(telemetry, lambda: getattr(way, read)(server.url + PATH, written(STREAM), JSON))
    assert before == after
    assert [asked_for_usage(asked) for asked in server.asked] == [False, True]
    assert telemetry.attributes[names.GEN_AI_USAGE_INPUT_TOKENS] == 100
    assert names.SPANLEDGER_USAGE_ESTIMATED not in telemetry.attributes


def test_only_the_question_for_usage_is_added_to_a_streamed_request(way: Way, wired: Telemetry, server: Server) -> None:
    server.answer = streaming()
    way.stream(server.url + PATH, written(STREAM), JSON)
    (asked,) = server.asked
    added = b'{"stream_options":{"include_usage":true},'
    assert asked.body.startswith(added)
    assert b"{" + asked.body.removeprefix(added) == written(STREAM)
    assert int(asked.headers["content-length"]) == len(asked.body)


def test_stream_options_of_the_app_are_kept(way: Way, wired: Telemetry, server: Server) -> None:
    server.answer = streaming()
    way.stream(server.url + PATH, written({**STREAM, "stream_options": {"include_obfuscation": False}}), JSON)
    assert json.loads(server.asked[0].body)["stream_options"] == {"include_obfuscation": False, "include_usage": True}


def test_a_plain_request_arrives_byte_for_byte(way: Way, wired: Telemetry, server: Server) -> None:
    server.says(json.dumps(completion()).encode())
    way.ask(server.url + PATH, written(CHAT), JSON)
    assert server.asked[0].body == written(CHAT)


@pytest.mark.parametrize("header", ["content-md5", "x-amz-content-sha256", "signature"])
def test_a_signed_body_is_not_altered_and_a_stream_without_usage_is_an_estimate(
    way: Way, header: str, wired: Telemetry, server: Server
) -> None:
    server.answer = streaming()
    way.stream(server.url + PATH, written(STREAM), {**JSON, header: "abc"})
    assert server.asked[0].body == written(STREAM)
    assert wired.attributes[names.SPANLEDGER_USAGE_ESTIMATED] is True
    assert wired.attributes[names.GEN_AI_USAGE_INPUT_TOKENS] > 0


REFUSAL = b'{"error":{"message":"Unrecognized request argument supplied: stream_options"}}'


def picky(asked: Asked) -> Says:
    """A server that knows no stream options."""
    if "stream_options" in json.loads(asked.body):
        return Says([REFUSAL], status=400)
    return Says(chat_events(asked=False), "text/event-stream")


@pytest.mark.parametrize("read", ["stream", "ask"], ids=["line by line", "at once"])
def test_a_server_that_refuses_the_question_is_asked_without_and_not_again(
    way: Way, read: str, telemetry: Telemetry, server: Server
) -> None:
    server.answer = picky
    adapter = WireAdapter(telemetry.calls)
    adapter.install()
    try:
        seen = [getattr(way, read)(server.url + PATH, written(STREAM), JSON) for _ in range(2)]
    finally:
        adapter.uninstall()
    assert [s.status for s in seen] == [200, 200]
    assert [asked_for_usage(asked) for asked in server.asked] == [True, False, False]
    assert [said[names.SPANLEDGER_USAGE_ESTIMATED] for said in telemetry.said] == [True, True]


@pytest.mark.parametrize("read", ["stream", "ask"], ids=["line by line", "at once"])
def test_another_error_is_seen_as_it_came_and_is_not_asked_again(
    way: Way, read: str, wired: Telemetry, server: Server
) -> None:
    server.says(b'{"error":', b'{"message":"no such model"}}\n', status=400)
    seen = getattr(way, read)(server.url + PATH, written(STREAM), JSON)
    assert (seen.status, seen.body) == (400, b'{"error":{"message":"no such model"}}\n')
    assert len(server.asked) == 1
    assert wired.attributes[names.ERROR_TYPE] == "400"


def test_an_error_can_be_read_raw_after_we_have_looked_at_it(wired: Telemetry, server: Server) -> None:
    error = b'{"error":{"message":"no such model"}}'
    server.says(error, status=400)
    with httpx.stream("POST", server.url + PATH, content=written(STREAM), headers=JSON) as response:
        assert b"".join(response.iter_raw()) == error
    other = requests.post(server.url + PATH, data=written(STREAM), headers=JSON, stream=True, timeout=5)
    assert other.raw.read() == error

    async def run() -> bytes:
        async with (
            aiohttp.ClientSession() as session,
            session.post(server.url + PATH, data=written(STREAM), headers=JSON) as response,
        ):
            return await response.content.read()

    assert asyncio.run(run()) == error


def test_a_session_that_raises_for_a_status_is_asked_again_without(telemetry: Telemetry, server: Server) -> None:
    server.answer = picky
    adapter = WireAdapter(telemetry.calls)
    adapter.install()

    async def run() -> bytes:
        async with (
            aiohttp.ClientSession(raise_for_status=True) as session,
            session.post(server.url + PATH, json=STREAM, headers=JSON) as response,
        ):
            return await response.read()

    try:
        assert asyncio.run(run()) == b"".join(chat_events(asked=False))
    finally:
        adapter.uninstall()


def test_a_body_that_is_generated_is_sent_as_it_comes_and_not_read_by_us(wired: Telemetry, server: Server) -> None:
    server.says(json.dumps(completion()).encode())

    def pieces() -> Iterator[bytes]:
        yield written(CHAT)[:10]
        yield written(CHAT)[10:]

    httpx.post(server.url + PATH, content=pieces(), headers=JSON)
    requests.post(server.url + PATH, data=pieces(), headers=JSON, timeout=5)
    assert [asked.body for asked in server.asked] == [written(CHAT)] * 2
    assert wired.spans == []  # whose host this is, nobody knows, and what is asked cannot be seen


READS: dict[str, Callable[[requests.Response], bytes]] = {
    "content": lambda r: r.content,
    "iter_content of 1": lambda r: b"".join(r.iter_content()),
    "iter_content of 7": lambda r: b"".join(r.iter_content(7)),
    "raw": lambda r: r.raw.read(),
    "raw in pieces": lambda r: b"".join(iter(lambda: r.raw.read(11), b"")),
    "raw lines": lambda r: b"".join(r.raw),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_every_way_to_read_a_response_of_requests_sees_the_same(
    read: Callable[[requests.Response], bytes], telemetry: Telemetry, server: Server
) -> None:
    server.answer = streaming()

    def see() -> bytes:
        with requests.post(server.url + PATH, data=written(STREAM), headers=JSON, stream=True, timeout=5) as response:
            return read(response)

    before, after = both(telemetry, see)
    assert before == after
    assert telemetry.attributes[names.GEN_AI_USAGE_INPUT_TOKENS] == 100


def test_pieces_of_requests_are_no_larger_than_asked_for(wired: Telemetry, server: Server) -> None:
    server.answer = streaming()
    response = requests.post(server.url + PATH, data=written(STREAM), headers=JSON, stream=True, timeout=5)
    assert {len(piece) for piece in response.iter_content(5)} <= {1, 2, 3, 4, 5}


async def _chunks(response: aiohttp.ClientResponse) -> bytes:
    return b"".join([data async for data, _ in response.content.iter_chunks()])


async def _exactly(response: aiohttp.ClientResponse) -> bytes:
    found = b""
    try:
        while True:
            found += await response.content.readexactly(13)
    except asyncio.IncompleteReadError as end:
        return found + end.partial


async def _any(response: aiohttp.ClientResponse) -> bytes:
    return b"".join([data async for data in response.content.iter_any()])


async def _lines(response: aiohttp.ClientResponse) -> bytes:
    found = []
    while not response.content.at_eof():
        found.append(await response.content.readline())
    return b"".join(found)


async def _nowait(response: aiohttp.ClientResponse) -> bytes:
    await response.content.wait_eof()
    return response.content.read_nowait()


@pytest.mark.parametrize("read", [_chunks, _exactly, _any, _lines, _nowait, aiohttp.ClientResponse.read])
@pytest.mark.parametrize("answer", [streaming(), zipped], ids=["plain", "gzip"])
def test_every_way_to_read_a_response_of_aiohttp_sees_the_same(
    read: Callable[[aiohttp.ClientResponse], Any],
    answer: Callable[[Asked], Says],
    telemetry: Telemetry,
    server: Server,
) -> None:
    server.answer = answer

    async def run() -> bytes:
        async with (
            aiohttp.ClientSession() as session,
            session.post(server.url + PATH, json=STREAM, headers=JSON) as response,
        ):
            assert isinstance(response.content, aiohttp.StreamReader)
            found: bytes = await read(response)
            return found

    before, after = both(telemetry, lambda: asyncio.run(run()))
    assert before == after
    assert telemetry.attributes[names.GEN_AI_USAGE_INPUT_TOKENS] == 100


@pytest.mark.parametrize("name", WAYS)
def test_an_event_is_seen_as_soon_as_it_was_sent(name: str, wired: Telemetry, server: Server) -> None:
    server.answer = lambda asked: Says(chat_events(asked_for_usage(asked))[:2], "text/event-stream", hangs=True)
    seen = WAYS[name].stream(server.url + PATH, written(STREAM), JSON, lines=3)
    assert seen.body.count(b"data:") == 2
