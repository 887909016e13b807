"""On a real server, with requests side by side."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import websockets
from fastapi import BackgroundTasks, FastAPI, WebSocket
from fastapi.responses import StreamingResponse
from opentelemetry import trace
from tests.support.behind_uvicorn import served
from tests.support.telemetry import Telemetry
from tests.support.tracing import Called, call
from tests.support.waiting import until

from spanledger.block import stage


@pytest.fixture
def found() -> list[tuple[str, Called]]:
    """What calls to a model found, by the request that they were made for."""
    return []


def _app(found: list[tuple[str, Called]]) -> FastAPI:
    app = FastAPI()

    async def later(key: str) -> None:
        await asyncio.sleep(0.01)
        found.append((key, call()))

    @app.get("/stream/{key}")
    async def stream(key: str, tasks: BackgroundTasks) -> StreamingResponse:
        @stage("writer")
        async def body() -> AsyncIterator[str]:
            for _ in range(3):
                await asyncio.sleep(0.002)
                found.append((key, call()))
                yield "x"

        tasks.add_task(later, key)
        return StreamingResponse(body(), background=tasks)

    @app.get("/sync/{key}")
    def sync(key: str) -> None:
        time.sleep(0.002)  # so that requests are under way side by side
        found.append((key, call()))

    @app.websocket("/chat/{key}")
    async def chat(socket: WebSocket, key: str) -> None:
        await socket.accept()
        async for text in socket.iter_text():
            found.append((key, call()))
            await socket.send_text(text)

    return app


@pytest.fixture
def address(instrument: Any, found: list[tuple[str, Called]]) -> Iterator[str]:
    """A uvicorn server in a thread of this process."""
    instrument("headers")
    with served(_app(found), log_level="warning", ws="websockets-sansio") as made:
        yield made


async def _drive(address: str) -> None:
    async def talk(key: str) -> None:
        async with websockets.connect(f"ws://{address}/chat/{key}") as socket:
            for _ in range(2):
                await socket.send("hello")
                await socket.recv()

    async with httpx.AsyncClient(base_url=f"http://{address}") as client:
        asked = [client.get(f"/stream/s{n}") for n in range(10)] + [client.get(f"/sync/t{n}") for n in range(10)]
        await asyncio.gather(*asked, *[talk(f"w{n}") for n in range(5)])
        async with client.stream("GET", "/stream/gone") as response:  # a client that goes away in the middle
            await anext(response.aiter_raw())


def test_each_request_of_many_side_by_side_is_its_own_run_and_trace(
    address: str, found: list[tuple[str, Called]], telemetry: Telemetry, caplog: pytest.LogCaptureFixture
) -> None:
    asyncio.run(_drive(address))
    assert until(lambda: sum(key != "gone" for key, _ in found) == 60)  # background tasks come after the answers
    assert until(lambda: not len(telemetry.runtime.lineage))
    made = {key: [c for k, c in found if k == key] for key in {key for key, _ in found}}
    assert {key: len(calls) for key, calls in made.items() if key != "gone"} == {
        **{f"s{n}": 4 for n in range(10)},
        **{f"t{n}": 1 for n in range(10)},
        **{f"w{n}": 2 for n in range(5)},
    }
    runs = {key: {c.scope.run for c in calls} for key, calls in made.items()}
    assert all(len(run) == 1 for run in runs.values())
    assert len(set.union(*runs.values())) == len(runs)
    assert all(len({c.trace for c in calls}) == 1 for calls in made.values())
    assert [c.scope.stage for c in made["s0"]] == ["writer", "writer", "writer", None]
    servers = [span for span in telemetry.spans if span.kind is trace.SpanKind.SERVER]
    assert len(servers) >= len(runs)
    assert [r for r in caplog.records if r.levelname in ("WARNING", "ERROR")] == []


def test_a_pipelined_request_is_not_paid_by_the_one_before_it(
    address: str, found: list[tuple[str, Called]], telemetry: Telemetry
) -> None:
    host, port = address.split(":")
    asked = b"GET /stream/first HTTP/1.1\r\nHost: x\r\nx-tenant-id: acme\r\n\r\n"
    asked += b"GET /stream/second HTTP/1.1\r\nHost: x\r\n\r\n"
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(asked)
        assert until(lambda: len(found) == 8)
    first, second = ([c for key, c in found if key == name] for name in ("first", "second"))
    assert {c.scope.tenant for c in first} == {"acme"}
    assert {c.scope.tenant for c in second} == {None}
    assert {c.scope.run for c in first}.isdisjoint({c.scope.run for c in second})
    assert {c.trace for c in first}.isdisjoint({c.trace for c in second})
    assert len([span for span in telemetry.spans if span.kind is trace.SpanKind.SERVER]) == 2
