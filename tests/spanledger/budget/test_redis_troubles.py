"""What can go wrong between an app and a Redis: told in plain words, in bounded time, and over when it is over."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.support.budget_machine import Clock
from tests.support.redis_server import HOST, RedisServer

from spanledger.budget.redis import RedisStore, server
from spanledger.budget.store import Claim, Counter, Figures, Settled, StoreError

RUN = Counter("run", "r1", "r1")
CLAIMS = [Claim(RUN, 7, 1000)]
QUICK = "socket_timeout=0.2&socket_connect_timeout=0.2"

Start = Callable[..., RedisServer]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Servers of the test's own."""
    running: list[RedisServer] = []

    def started(*options: str) -> RedisServer:
        running.append(RedisServer(tmp_path / f"redis-{len(running)}", *options))
        running[-1].start()
        return running[-1]

    yield started
    for one in running:
        one.stop()


def spend(store: RedisStore, hold: str, amount: int) -> None:
    assert store.reserve(hold, CLAIMS, 60) is None
    assert store.settle(hold, CLAIMS, [amount]) == Settled()


def refused(store: RedisStore, words: str) -> None:
    """Every operation says what is the matter, in the same words."""
    for operation in (
        lambda: store.reserve("r", CLAIMS, 60),
        lambda: store.extend("r", CLAIMS, 60),
        lambda: store.settle("r", CLAIMS, [1]),
        lambda: store.release("r"),
        lambda: store.adjust(RUN, 1, reason="", who=""),
        store.expire,
        store.figures,
        store.gaps,
    ):
        with pytest.raises(StoreError, match=words):
            operation()


def test_nothing_is_reached_before_the_first_use() -> None:
    RedisStore("redis://nobody.invalid:1/0").close()


def test_a_server_that_is_not_there_is_told() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        refused(RedisStore(f"redis://{HOST}:{taken.getsockname()[1]}/0"), "it cannot be reached .*refused")


def test_a_host_that_nobody_knows_is_told() -> None:
    refused(RedisStore("redis://nobody.invalid:6379/0"), r"redis://nobody\.invalid:6379/0: it cannot be reached")


def test_a_password_that_is_missing_or_wrong_is_told_and_not_repeated(start: Start) -> None:
    port = start("--requirepass", "right").port
    for user in ("", ":wrong@", "ann:wrong@"):
        with pytest.raises(StoreError) as raised:
            RedisStore(f"redis://{user}{HOST}:{port}/0").figures()
        assert "it wants another user or password; write redis://user:password@host" in str(raised.value)
        assert "wrong@" not in str(raised.value)
    spend(RedisStore(f"redis://:right@{HOST}:{port}/0"), "a", 1)


def test_a_user_without_the_right_to_run_scripts_is_told(start: Start) -> None:
    port = start(*["--user", "ann", "on", ">secret", "~*", "+@all", "-evalsha"]).port
    refused(RedisStore(f"redis://ann:secret@{HOST}:{port}/0"), "this user may not do what the store needs")


def test_a_user_without_the_right_to_see_which_server_it_is_can_use_the_store(start: Start) -> None:
    port = start(*["--user", "ann", "on", ">secret", "~*", "+@all", "-info"]).port
    spend(RedisStore(f"redis://ann:secret@{HOST}:{port}/0"), "a", 1)


def test_a_replica_that_takes_no_changes_is_told_and_used_once_it_is_the_primary(start: Start) -> None:
    one = start("--replicaof", f"{HOST} 1")
    store = RedisStore(one.url)
    refused(store, "it is a replica that takes no changes; name the primary")
    with one.by_hand() as client:
        client.execute_command("REPLICAOF NO ONE")
    spend(store, "a", 1)


def test_a_replica_that_became_the_primary_without_the_last_changes_is_told_of_them(start: Start) -> None:
    one = start()
    store = RedisStore(one.url)
    spend(store, "a", 3)
    with one.by_hand() as client:
        client.save()
    replica = RedisServer(one.folder)
    replica.start()
    spend(store, "b", 40)
    one.stop()
    store._session._server.address = store._session._server.address.at(HOST, replica.port)
    assert store.figure(RUN) == Figures(committed=43)
    assert [entry.action for entry in store.audit()] == ["repair"]
    replica.stop()


def test_full_memory_refuses_new_calls_and_lets_those_under_way_settle(start: Start) -> None:
    one = start()
    store = RedisStore(one.url)
    store.reserve("under way", CLAIMS, 60)
    with one.by_hand() as client:
        client.config_set("maxmemory", 1)
        with pytest.raises(StoreError, match="its memory is full; give it more, with maxmemory-policy noeviction"):
            store.reserve("b", CLAIMS, 60)
        assert store.settle("under way", CLAIMS, [3]) == Settled()
        assert list(store.gaps()) == []
        client.config_set("maxmemory", 0)
    spend(store, "c", 1)
    assert store.figure(RUN) == Figures(committed=4)


def test_a_server_that_may_drop_what_was_spent_is_warned_of_once(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    store = RedisStore(start("--maxmemory-policy", "allkeys-lru").url)
    spend(store, "a", 1)
    store.close()
    spend(store, "b", 1)
    [record] = caplog.records
    assert "with maxmemory-policy allkeys-lru Redis may drop what was spent; set noeviction" in record.getMessage()


def test_a_server_that_cannot_save_takes_no_changes_and_says_so(start: Start) -> None:
    one = start("--save", "3600 1")
    spend(RedisStore(one.url), "a", 1)
    with one.by_hand() as client:
        client.config_set("rdbcompression", "no")
        (one.folder / "dump.rdb").mkdir()
        client.bgsave()
        while client.info("persistence")["rdb_bgsave_in_progress"]:
            time.sleep(0.01)
    refused_with = "it cannot save its data and therefore takes no changes"
    with pytest.raises(StoreError, match=refused_with):
        RedisStore(one.url).reserve("b", CLAIMS, 60)


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
    while "b" not in {hold.id for hold in RedisStore(one.url).holds()}:
        time.sleep(0.01)
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


def test_keys_that_belong_to_something_else_are_left_alone(start: Start) -> None:
    one = start()
    with one.by_hand() as client:
        client.set("{spanledger}:state", "mine")
        refused(RedisStore(one.url), "its keys belong to something else; name another prefix")
        assert client.get("{spanledger}:state") == b"mine"
    spend(RedisStore(f"{one.url}?prefix=other"), "a", 1)


def test_the_format_of_another_version_is_left_alone(start: Start) -> None:
    one = start()
    spend(RedisStore(one.url), "a", 1)
    with one.by_hand() as client:
        client.hset("{spanledger}:state", "version", "99")
    refused(RedisStore(one.url), r"has the format 99 of another spanledger; use that version, or another \?prefix=")


def test_the_clock_is_the_servers(start: Start) -> None:
    store = RedisStore(start().url)
    assert abs(store.now() - time.time()) < 1
    store.figures()
    assert abs(store.now() - time.time()) < 1
    ahead = RedisStore(start().url, clock=Clock(5e9))
    assert ahead.now() == 5e9
