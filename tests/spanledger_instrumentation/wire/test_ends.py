"""However a call ends, its span ends once: errors, breaks, and streams that nobody reads to their end."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
from collections.abc import Callable
from typing import Any

import aiohttp
import httpx
import httpx2
import pytest
import requests
from tests.spanledger_instrumentation.wire.conftest import Says, Server
from tests.support.asking import MODEL
from tests.support.scripted import chat_events, completion
from tests.support.telemetry import Telemetry
from tests.support.ways import JSON, WAYS, Way, written

from spanledger.semconv import names

CHAT = {"model": MODEL, "messages": [{"role": "user", "content": "x" * 400}]}
STREAM = {**CHAT, "stream": True}
PATH = "/v1/chat/completions"
WORDS = ["word "] * 30


def given_up(telemetry: Telemetry, error_type: str | None = None) -> dict[str, Any]:
    """Assert that the only call was ended early and is charged by an estimate; returns its attributes."""
    found = telemetry.attributes
    assert telemetry.one.status.status_code.name == ("ERROR" if error_type else "UNSET")
    assert found.get(names.ERROR_TYPE) == error_type
    assert found[names.SPANLEDGER_USAGE_ESTIMATED] is True
    assert found[names.GEN_AI_USAGE_INPUT_TOKENS] >= 100
    return found


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("status", [404, 429, 500])
def test_an_error_of_the_provider_is_the_error_of_the_span_and_costs_nothing(
    way: Way, status: int, stream: bool, wired: Telemetry, server: Server
) -> None:
    server.says(b'{"error":{"message":"no"}}\n', status=status)
    seen = (way.stream if stream else way.ask)(server.url + PATH, written({**CHAT, "stream": stream}), JSON)
    assert (seen.status, seen.body) == (status, b'{"error":{"message":"no"}}\n')
    found = wired.attributes
    assert wired.one.status.status_code.name == "ERROR"
    assert (found[names.ERROR_TYPE], found[names.HTTP_RESPONSE_STATUS_CODE]) == (str(status), status)
    assert names.GEN_AI_USAGE_INPUT_TOKENS not in found


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_a_server_that_cannot_be_reached_is_the_error_of_the_span(way: Way, stream: bool, wired: Telemetry) -> None:
    send = way.stream if stream else way.ask
    with pytest.raises(
        (httpx.ConnectError, httpx2.ConnectError, aiohttp.ClientError, requests.ConnectionError)
    ) as seen:
        send(f"http://127.0.0.1:9{PATH}", written({**CHAT, "stream": stream}), JSON)
    kind = type(seen.value)
    assert wired.attributes[names.ERROR_TYPE] == f"{kind.__module__}.{kind.__qualname__}"
    assert names.GEN_AI_USAGE_INPUT_TOKENS not in wired.attributes


@pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_a_time_out_reaches_the_app_and_the_span(library: Any, wired: Telemetry, server: Server) -> None:
    server.answer = lambda _: Says([], hangs=True)
    with pytest.raises(library.ReadTimeout):
        library.post(server.url + PATH, content=written(CHAT), headers=JSON, timeout=0.2)
    assert wired.attributes[names.ERROR_TYPE] == f"{library.__name__}.ReadTimeout"


def test_what_was_seen_of_a_stream_given_up_is_charged(way: Way, wired: Telemetry, server: Server) -> None:
    server.answer = lambda _: Says(chat_events(asked=True, words=WORDS)[:-3], "text/event-stream", hangs=True)
    way.stream(server.url + PATH, written(STREAM), JSON, lines=42)
    assert given_up(wired)[names.GEN_AI_USAGE_OUTPUT_TOKENS] >= 20


def test_what_was_seen_of_a_stream_that_broke_is_charged(way: Way, wired: Telemetry, server: Server) -> None:
    server.answer = lambda _: Says(chat_events(asked=True, words=WORDS)[:-3], "text/event-stream", breaks=True)
    errors = (httpx.RemoteProtocolError, httpx2.RemoteProtocolError, aiohttp.ClientError, requests.RequestException)
    with pytest.raises(errors):
        way.stream(server.url + PATH, written(STREAM), JSON)
    found = wired.attributes
    assert given_up(wired, found[names.ERROR_TYPE])[names.GEN_AI_USAGE_OUTPUT_TOKENS] >= 30


def test_a_stream_without_the_usage_that_was_asked_for_is_an_estimate(
    way: Way, wired: Telemetry, server: Server
) -> None:
    server.answer = lambda _: Says(chat_events(asked=False, words=WORDS), "text/event-stream")
    way.stream(server.url + PATH, written(STREAM), JSON)
    assert given_up(wired)[names.GEN_AI_USAGE_OUTPUT_TOKENS] == len(WORDS)


@pytest.mark.parametrize("body", [b"", b"<html>busy</html>", b'{"choices":[', b"[1,2]", b'{"usage":"many"}'])
def test_an_answer_that_cannot_be_read_is_an_estimate(body: bytes, wired: Telemetry, server: Server) -> None:
    server.says(body)
    assert WAYS["httpx"].ask(server.url + PATH, written(CHAT), JSON).body == body
    given_up(wired)


def _drop_httpx(url: str) -> None:
    client = httpx.Client()
    client.send(client.build_request("POST", url, content=written(STREAM), headers=JSON), stream=True)


def _drop_httpx2_iterated(url: str) -> None:
    client = httpx2.Client()
    response = client.send(client.build_request("POST", url, content=written(STREAM), headers=JSON), stream=True)
    next(response.iter_lines())


def _drop_requests(url: str) -> None:
    requests.post(url, data=written(STREAM), headers=JSON, stream=True, timeout=5)


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("drop", [_drop_httpx, _drop_httpx2_iterated, _drop_requests])
def test_a_response_that_nobody_holds_ends_its_span(
    drop: Callable[[str], None], wired: Telemetry, server: Server
) -> None:
    server.answer = lambda _: Says(chat_events(asked=True)[:3], "text/event-stream", hangs=True)
    drop(server.url + PATH)
    gc.collect()
    given_up(wired)


@pytest.mark.filterwarnings("ignore:Unclosed:ResourceWarning")
def test_a_response_of_aiohttp_that_nobody_holds_ends_its_span(wired: Telemetry, server: Server) -> None:
    server.answer = lambda _: Says(chat_events(asked=True)[:3], "text/event-stream", hangs=True)

    async def run() -> None:
        async with aiohttp.ClientSession() as session:
            response: Any = await session.post(server.url + PATH, json=STREAM, headers=JSON)
            assert await response.content.readline()

    asyncio.run(run())
    gc.collect()
    given_up(wired)


@pytest.mark.parametrize("name", ["httpx", "httpx2", "aiohttp"])
def test_a_task_that_is_cancelled_while_it_waits_for_an_answer_is_charged(
    name: str, wired: Telemetry, server: Server
) -> None:
    server.answer = lambda _: Says([], hangs=True)

    async def ask() -> None:
        if name == "aiohttp":
            async with aiohttp.ClientSession() as session, session.post(server.url + PATH, json=CHAT) as response:
                await response.read()
        else:
            async with {"httpx": httpx, "httpx2": httpx2}[name].AsyncClient() as client:
                await client.post(server.url + PATH, json=CHAT)

    async def run() -> None:
        task = asyncio.create_task(ask())
        await asyncio.to_thread(server.arrived.wait, 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    found = wired.attributes
    assert found[names.SPANLEDGER_USAGE_ESTIMATED] is True
    assert found[names.GEN_AI_USAGE_INPUT_TOKENS] >= 100


def test_a_reader_that_stops_waiting_for_a_moment_may_read_on(wired: Telemetry, server: Server) -> None:
    gate = threading.Event()
    server.answer = lambda _: Says(chat_events(asked=True, words=()), "text/event-stream", gate=gate)

    async def run() -> bytes:
        async with (
            aiohttp.ClientSession() as session,
            session.post(server.url + PATH, data=written(STREAM), headers=JSON) as response,
        ):
            assert await response.content.readuntil(b"\n\n")
            task = asyncio.create_task(response.content.readline())
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            gate.set()
            return await response.content.read()

    assert b"[DONE]" in asyncio.run(run())
    assert wired.attributes[names.GEN_AI_USAGE_INPUT_TOKENS] == 100


def test_a_call_is_final_as_soon_as_its_usage_is(wired: Telemetry, server: Server) -> None:
    """litellm reads Anthropic's streams up to `message_delta`, and neither closes nor drops them."""
    said = [
        {"type": "message_start", "message": {"usage": {"input_tokens": 9, "output_tokens": 1}}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7}},
    ]
    pieces = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in said]
    server.answer = lambda _: Says(pieces, "text/event-stream", hangs=True)
    body = {"model": "claude-haiku-4-5", "max_tokens": 9, "messages": CHAT["messages"], "stream": True}
    with httpx.stream("POST", f"{server.url}/v1/messages", json=body) as response:
        lines = response.iter_lines()
        while "message_delta" not in next(lines):
            pass
        next(lines)
        assert wired.attributes[names.GEN_AI_USAGE_OUTPUT_TOKENS] == 7


def test_a_call_in_a_redirect_is_one_call(wired: Telemetry, server: Server) -> None:
    def answer(asked: Any) -> Says:
        if asked.path == PATH:
            return Says([], status=307, headers={"location": f"/elsewhere{PATH}"})
        return Says([json.dumps(completion(usage={"prompt_tokens": 3, "completion_tokens": 2})).encode()])

    server.answer = answer
    requests.post(server.url + PATH, data=written(CHAT), timeout=5)
    assert wired.attributes[names.GEN_AI_USAGE_INPUT_TOKENS] == 3
    assert len(server.asked) == 2
