"""Files of calls that are made while they are read, by readers as slow as they like."""

from __future__ import annotations

import io
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from sqlalchemy import Engine
from sqlalchemy.pool import QueuePool
from tests.support.dashboard import listening
from tests.support.entries import BEGIN, NANO, entries
from tests.support.serving import serving
from tests.support.waiting import until

from spanledger.ledger import Entry, database
from spanledger.ledger.exchange import load
from spanledger.ledger.exchange.rows import BATCH
from spanledger.ledger.migrate import migrate
from spanledger.ledger.writes import write

#: In the order of an export.
THERE = sorted(entries(3, 2 * BATCH + 300), key=lambda one: (one.started, one.id))
ASKED = "/api/export?format=jsonl&since=2026-09-01&until=2026-10-01"
#: Bytes that the kernel keeps for a reader; much less than the file.
BUFFER = 8192


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Engine]:
    made = database.engine(f"sqlite://{tmp_path}/calls.sqlite", kept=1)
    migrate(made)
    write(made, THERE)
    yield made
    made.dispose()


@contextmanager
def slow(site: str) -> Iterator[socket.socket]:
    """Somebody who asks for the file, reads its first byte, and stops."""
    place = urlsplit(site)
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        reader.settimeout(20)
        reader.connect((place.hostname, place.port))
        reader.sendall(f"GET {ASKED} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode())
        assert reader.recv(1) == b"H"
        yield reader


def rest(reader: socket.socket) -> list[str]:
    """The ids of a file that is read on to its end."""
    with reader.makefile("rb") as file:
        _, _, body = file.read().partition(b"\r\n\r\n")
    return [one.id for one in load(io.BytesIO(body), "jsonl")]


def test_readers_who_stop_reading_keep_nobody_from_the_ledger_and_lose_nothing(ledger: Engine) -> None:
    pool = ledger.pool
    assert isinstance(pool, QueuePool)
    more = pool.size() + 10 + 2  # than there can be connections
    with listening(serving(ledger), send_buffer=BUFFER) as site, ExitStack() as stack:
        readers = [stack.enter_context(slow(site)) for _ in range(more)]
        assert until(lambda: pool.checkedout() == 0), "what is sent before a reader's buffers are full is read first"
        for path in ("/api/calls", "/api/tenants", "/api/metrics/dashboard", "/readyz", "/"):
            assert httpx2.get(site + path, timeout=20).status_code == 200, path
        assert until(lambda: pool.checkedout() == 0), "nobody has read on"
        assert rest(readers[0]) == rest(readers[-1]) == [one.id for one in THERE]


def test_calls_that_come_while_a_file_is_read_double_nothing_and_push_nothing_out(ledger: Engine) -> None:
    last = THERE[-1].started
    early = [_at(THERE[0].started - NANO, f"early-{number}") for number in range(BATCH)]
    late = [_at(last + number, f"late-{number}") for number in range(1, BATCH)]
    with listening(serving(ledger), send_buffer=BUFFER) as site, slow(site) as reader:
        write(ledger, [*early, *late])
        found = rest(reader)
    assert found == [one.id for one in (*THERE, *late)]


def _at(started: int, id_: str) -> Entry:
    assert started > BEGIN - 2 * NANO
    return Entry(id_, started, started + 1, "chat", "openai")
