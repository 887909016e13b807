"""The wire adapter, and a server on loopback that answers as a test tells it to."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from tests.support.telemetry import Telemetry
from tests.support.ways import WAYS, Way

from provider.server import Loopback
from spanledger_instrumentation.wire import WireAdapter


@dataclass(frozen=True)
class Asked:
    """A request as it arrived."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Says:
    """An answer in pieces, the first before `gate` opens; `hangs` leaves it without an end, `breaks` cuts it off."""

    pieces: Sequence[bytes]
    content_type: str = "application/json"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    gate: threading.Event | None = None
    hangs: bool = False
    breaks: bool = False


@dataclass
class Server:
    """Answers every request by `answer`, and remembers what arrived."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)
    answer: Callable[[Asked], Says] = lambda _: Says([b"{}"])

    def says(self, *pieces: bytes, content_type: str = "application/json", status: int = 200) -> None:
        """Always answer this."""
        self.answer = lambda _: Says(pieces, content_type, status)

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        asked = Asked(request.url.path, dict(request.headers), await request.body())
        self.asked.append(asked)
        self.arrived.set()
        says = self.answer(asked)
        headers = {"content-type": says.content_type, **says.headers}
        return StreamingResponse(_sent(says), says.status, headers)


async def _sent(says: Says) -> AsyncIterator[bytes]:
    for piece in says.pieces:
        yield piece
        if says.gate is not None:
            await asyncio.to_thread(says.gate.wait, 30)
    if says.hangs:
        await asyncio.sleep(30)
    if says.breaks:
        raise ConnectionError


@pytest.fixture(scope="session")
def _running() -> Iterator[Server]:
    server = Server()
    with Loopback(Starlette(routes=[Route("/{path:path}", server.__call__, methods=["POST", "GET"])])) as loopback:
        server.url = loopback.url
        yield server


@pytest.fixture
def server(_running: Server) -> Server:
    """The server, with nothing arrived and nothing to say."""
    _running.asked.clear()
    _running.arrived.clear()
    _running.says(b"{}")
    return _running


@pytest.fixture
def wired(telemetry: Telemetry) -> Iterator[Telemetry]:
    """Telemetry with the wire metered."""
    adapter = WireAdapter(telemetry.calls)
    adapter.install()
    yield telemetry
    adapter.uninstall()


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> Way:
    """Each way to send a request."""
    return WAYS[request.param]
