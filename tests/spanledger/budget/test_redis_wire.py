"""What can go wrong between an app and a Redis: waits are bounded, and nothing that was lost happens twice."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress

import pytest
from tests.support.redis_server import HOST
from tests.support.redis_spending import CLAIMS, RUN, Start, refused, spend
from tests.support.waiting import until

from spanledger.budget.redis import RedisStore, server
from spanledger.budget.store import Claim, Figures, Settled, StoreError

QUICK = "socket_timeout=0.2&socket_connect_timeout=0.2"


def test_a_server_that_hangs_costs_one_bounded_wait_and_then_none(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "REST", 60.0)
    one = start()
    store = RedisStore(f"{one.url}?{QUICK}")
    spend(store, "a", 3)
    with one.frozen():
        began = time.monotonic()
        with pytest.raises(StoreError, match="it did not answer in time"):
            store.reserve("b", CLAIMS, 60)
        assert time.monotonic() - began >= 0.2
        refused(store, "it did not answer in time, and is given a rest")
    store._session._server._rests_until = 0.0
    spend(store, "c", 1)


def test_what_a_server_did_without_saying_so_is_undone_where_the_call_was_refused(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hold was taken, its answer came too late: nobody is billed, so nothing may be charged when it expires."""
    monkeypatch.setattr(server, "REST", 0.0)
    one = start()
    store = RedisStore(f"{one.url}?{QUICK}")
    spend(store, "a", 3)
    with one.frozen(), pytest.raises(StoreError):
        store.reserve("b", CLAIMS, 60)
    assert until(lambda: "b" in {hold.id for hold in RedisStore(one.url).holds()})
    assert store.figure(RUN) == Figures(committed=3)
    assert list(store.holds()) == []
    assert list(store.gaps()) == []


def test_a_call_that_went_on_without_an_answer_is_charged_all_the_same(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "REST", 0.0)
    one = start()
    store = RedisStore(f"{one.url}?{QUICK}")
    store.figures()
    with one.frozen(), pytest.raises(StoreError):
        store.reserve("b", CLAIMS, 60)
    store.figures()
    assert store.settle("b", CLAIMS, [5]) == Settled()
    assert store.figure(RUN) == Figures(committed=5)


def test_a_connection_that_broke_is_made_again_without_anybody_noticing(start: Start) -> None:
    one = start()
    store = RedisStore(one.url)
    spend(store, "a", 3)
    with one.by_hand() as client:
        client.client_kill_filter(_type="normal", skipme=True)
    spend(store, "b", 3)
    assert store.figure(RUN) == Figures(committed=6)


class Lossy:
    """Between store and server; drops the connection instead of handing over some of the answers."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._door = socket.create_server((HOST, 0))
        self.port = int(self._door.getsockname()[1])
        self.lose = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                near = self._door.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._relay, args=(near,), daemon=True).start()

    def _relay(self, near: socket.socket) -> None:
        with suppress(OSError), near, socket.create_connection((HOST, self._to)) as far:
            while asked := near.recv(1 << 16):
                far.sendall(asked)
                answer = far.recv(1 << 16)
                if b"EVALSHA" in asked and self.lose:
                    self.lose -= 1
                    return
                near.sendall(answer)

    def close(self) -> None:
        self._door.close()


def test_an_answer_that_was_lost_is_asked_for_again_and_nothing_happens_twice(start: Start) -> None:
    one = start()
    RedisStore(one.url).figures()
    between = Lossy(one.port)
    store = RedisStore(f"redis://{HOST}:{between.port}/0")
    warned = [Claim(RUN, 7, 1000, warns=(5,))]
    store.figures()
    between.lose = 1
    assert store.reserve("a", warned, 60) is None
    between.lose = 1
    assert store.extend("a", warned, 60) is None
    assert store.figure(RUN) == Figures(held=14)
    between.lose = 1
    assert store.settle("a", warned, [9]) == Settled(crossed=((RUN, 5),))
    assert store.figure(RUN) == Figures(committed=9)
    assert list(store.gaps()) == []
    between.lose = 1
    with pytest.raises(StoreError):
        store.adjust(RUN, 1, reason="once", who="ann")
    assert store.figure(RUN).committed == 10, "a change by hand is never made twice"
    between.close()


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"+OK\r\n", b":1\r\n", b"$-1\r\n", b"$2\r\nok\r\n", b"*0\r\n"],
    ids=["HTTP", "a status", "a number", "nothing", "a text", "a list"],
)
def test_nonsense_for_an_answer_is_told(answer: bytes) -> None:
    door = socket.create_server((HOST, 0))

    def serve() -> None:
        while True:
            try:
                near = door.accept()[0]
            except OSError:
                return
            with near, suppress(OSError):  # the store may hang up in the middle of it
                while near.recv(1 << 16):
                    near.sendall(5 * answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    store = RedisStore(f"redis://{HOST}:{door.getsockname()[1]}/0?{QUICK}")
    with pytest.raises(StoreError, match="what answers there is no Redis"):
        store.figures()
    door.close()
