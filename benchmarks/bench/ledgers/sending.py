"""Spans sent to `spanledger serve` as a collector sends them, and what each costs the process that takes them in."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection
from pathlib import Path

from tests.support.ports import free_port
from tests.support.waiting import until

from bench.ledgers import spans
from bench.ledgers.filling import live
from spanledger.ledger import database
from spanledger.pricing import PriceBook
from spanledger.service.intake import bodies, wire
from spanledger.service.intake.earlier import Earlier
from spanledger.service.intake.translating import Translator

#: Whose spans are sent.
KINDS = {"spanledger's": spans.ours, "OpenLLMetry's": spans.openllmetry}
#: Spans of each kind, and spans of a request: what a collector's queue makes of the batches of some apps.
_SENT, _TOGETHER = 40_000, 4000
_HEADERS = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}


@dataclass(frozen=True, slots=True)
class Sent:
    """What was measured of one kind of spans. `read`: seconds of CPU to unpack and translate a span, and no more.

    `taken` and `waited` are seconds of CPU of the service, and of time, for each span until the answer that keeps it.
    """

    kind: str
    read: float
    taken: float
    waited: float


def send(url: str, folder: Path, at: int) -> Iterator[Sent]:
    """Spans of each kind, to a service of its own over the ledger of that URL; of calls from `at` on, in seconds."""
    for minute, (kind, exported) in enumerate(KINDS.items()):
        began = at + 60 * minute
        like, calls = exported(), live(_SENT, began)
        requests = [
            spans.body(like, calls[first : first + _TOGETHER], began * 2**24 + first + 1)
            for first in range(0, _SENT, _TOGETHER)
        ]
        yield Sent(kind, asyncio.run(_read(url, requests)), *_taken(url, requests, folder))


async def _read(url: str, requests: Sequence[bytes]) -> float:
    engine = database.engine(url, kept=1)
    translate, room = Translator(PriceBook(), Earlier(partial(database.reading, engine)), time.time), bodies.Room()
    calls, began = 0, time.process_time()
    for request in requests:
        body = await bodies.read(_chunks(request), "gzip", bodies.LARGEST["protobuf"], room)
        calls += len(translate(wire.of_protobuf(bytes(body)), None).entries)
        room.give(len(body))
    took = time.process_time() - began
    engine.dispose()
    assert calls == _SENT, f"{calls} calls were found in {_SENT} spans"
    return took / _SENT


async def _chunks(request: bytes) -> AsyncIterator[bytes]:
    for first in range(0, len(request), 2**16):
        yield request[first : first + 2**16]


def _taken(url: str, requests: Sequence[bytes], folder: Path) -> tuple[float, float]:
    with _service(url, folder) as (process, port):
        connection = HTTPConnection("127.0.0.1", port, timeout=600)
        began, cpu = time.monotonic(), _cpu(process)
        for request in requests:
            connection.request("POST", "/v1/traces", request, _HEADERS)
            answer = connection.getresponse()
            said = answer.read()
            assert (answer.status, said) == (200, b""), said
        found = (_cpu(process) - cpu) / _SENT, (time.monotonic() - began) / _SENT
        connection.close()
    return found


@contextmanager
def _service(url: str, folder: Path) -> Iterator[tuple[int, int]]:
    """A service in a process of its own: its number, and its port."""
    port = free_port()
    settings = {"SPANLEDGER_DATABASE_URL": url, "SPANLEDGER_STORE": "memory:", "XDG_STATE_HOME": str(folder)}
    command = [sys.executable, "-m", "spanledger", "serve", "--port", str(port)]
    with subprocess.Popen(command, env={**os.environ, **settings}, stderr=subprocess.DEVNULL) as process:
        try:
            assert until(lambda: _ready(port)), "the service does not start"
            yield process.pid, port
        finally:
            process.terminate()


def _ready(port: int) -> bool:
    try:
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False


def _cpu(process: int) -> float:
    """Seconds of CPU that a process has had, all threads."""
    mine = Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(mine[11]) + int(mine[12])) / os.sysconf("SC_CLK_TCK")
