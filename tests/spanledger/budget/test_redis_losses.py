"""A Redis that has lost what it acknowledged is noticed by those who know better, and told before it is asked again."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.redis_server import RedisServer

from spanledger.budget.redis import RedisStore
from spanledger.budget.store import Claim, Counter, Denied, Figures, Settled, StoreError

RUN = Counter("run", "r1", "r1")
DAY = Counter("tenant/day", "acme", "2026-11-21")
CLAIMS = [Claim(RUN, 7, 100), Claim(DAY, 7, 100)]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A server of the test's own, which saves when it is told to and reads what it saved when it starts."""
    made = RedisServer(tmp_path / "redis")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def store(server: RedisServer) -> Iterator[RedisStore]:
    made = RedisStore(server.url)
    yield made
    made.close()


def spend(store: RedisStore, hold: str, amount: int) -> None:
    assert store.reserve(hold, CLAIMS, 60) is None
    assert store.settle(hold, CLAIMS, [amount, amount]) == Settled()


def save(server: RedisServer) -> None:
    with server.by_hand() as client:
        client.save()


def restart(server: RedisServer) -> None:
    server.stop()
    server.start()


def repairs(store: RedisStore) -> list[tuple[Counter, int | None, str]]:
    return [(entry.counter, entry.amount, entry.reason) for entry in store.audit() if entry.action == "repair"]


def test_a_restart_that_lost_nothing_goes_unnoticed(
    store: RedisStore, server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    spend(store, "a", 3)
    store.reserve("under way", CLAIMS, 60)
    save(server)
    restart(server)
    assert store.settle("under way", CLAIMS, [4, 4]) == Settled()
    assert store.figure(RUN) == Figures(committed=7)
    assert repairs(store) == []
    assert caplog.records == []


def test_an_old_snapshot_is_brought_up_to_what_this_process_knows(
    store: RedisStore, server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    spend(store, "before", 3)
    store.reserve("settled since", CLAIMS, 60)
    save(server)
    store.settle("settled since", CLAIMS, [2, 2])
    spend(store, "after", 40)
    store.reserve("under way", CLAIMS, 60)
    restart(server)
    denied = store.reserve("next", [Claim(RUN, 50, 100)], 60)
    assert denied == Denied(0, "in_flight", 100, 45, 7, 50)
    assert store.figures() == {RUN: Figures(committed=45, held=7, refused=1), DAY: Figures(committed=45, held=7)}
    assert sorted(repairs(store)) == [(RUN, 42, "the server had lost it"), (DAY, 42, "the server had lost it")]
    assert list(store.gaps()) == []
    [record] = caplog.records
    assert "raised 2 counters to what this process knows, took 1 holds again" in record.getMessage()
    assert store.settle("under way", CLAIMS, [5, 5]) == Settled()
    assert store.settle("settled since", CLAIMS, [2, 2]) == Settled(first=False)
    assert store.figure(RUN) == Figures(committed=50, refused=1)
    assert list(store.gaps()) == []


@pytest.mark.parametrize("flush", [True, False], ids=["flushed", "restarted without its data"])
def test_a_server_that_lost_everything_is_told_everything(
    store: RedisStore, server: RedisServer, flush: bool, caplog: pytest.LogCaptureFixture
) -> None:
    spend(store, "a", 30)
    store.reserve("under way", CLAIMS, 60)
    if flush:
        with server.by_hand() as client:
            client.flushall()
    else:
        restart(server)
    assert store.figures() == {RUN: Figures(committed=30, held=7), DAY: Figures(committed=30, held=7)}
    assert len(repairs(store)) == 2
    assert list(store.gaps()) == []
    assert len(caplog.records) == 1


def test_what_only_another_process_knows_is_told_by_that_one(store: RedisStore, server: RedisServer) -> None:
    other, newcomer = RedisStore(server.url), RedisStore(server.url)
    spend(store, "a", 3)
    save(server)
    spend(other, "b", 40)
    restart(server)
    spend(newcomer, "c", 1)
    assert store.figure(RUN) == Figures(committed=4)
    assert other.figure(RUN) == Figures(committed=43)
    assert store.figure(RUN) == newcomer.figure(RUN) == Figures(committed=43)
    assert list(store.gaps()) == []
    other.close()
    newcomer.close()


def test_a_loss_is_noticed_however_much_others_did_since(store: RedisStore, server: RedisServer) -> None:
    """The number of changes alone would not tell: it has long passed what this process saw."""
    newcomer = RedisStore(server.url)
    spend(store, "a", 3)
    save(server)
    spend(store, "b", 40)
    restart(server)
    for number in range(20):
        newcomer.settle(f"c{number}", CLAIMS, [1, 1])
    assert store.figure(RUN) == Figures(committed=43)
    newcomer.close()


def test_two_losses_in_a_row_are_both_made_good(store: RedisStore, server: RedisServer) -> None:
    spend(store, "a", 3)
    save(server)
    spend(store, "b", 10)
    restart(server)
    spend(RedisStore(server.url), "c", 1)
    restart(server)
    spend(RedisStore(server.url), "d", 1)
    assert store.figure(RUN) == Figures(committed=13)


def test_what_was_taken_off_by_hand_is_not_put_back(store: RedisStore, server: RedisServer) -> None:
    spend(store, "a", 30)
    operator = RedisStore(server.url)
    operator.adjust(RUN, -10, reason="refund", who="ann")
    operator.close()
    save(server)
    restart(server)
    assert store.figure(RUN) == Figures(committed=20)
    assert repairs(store) == []


def test_a_snapshot_that_is_put_back_while_the_server_runs_is_noticed(
    store: RedisStore, server: RedisServer, tmp_path: Path
) -> None:
    spend(store, "a", 3)
    save(server)
    kept = Path(shutil.copy(server.folder / "dump.rdb", tmp_path / "kept.rdb"))
    spend(store, "b", 40)
    shutil.copy(kept, server.folder / "dump.rdb")
    with server.by_hand() as client:
        client.execute_command("DEBUG", "RELOAD", "NOSAVE")
    assert store.figure(RUN) == Figures(committed=43)
    assert len(repairs(store)) == 2


def test_while_it_is_stopped_every_operation_fails_and_afterwards_none_does(
    store: RedisStore, server: RedisServer
) -> None:
    spend(store, "a", 3)
    store.reserve("under way", CLAIMS, 60)
    server.stop()
    for _ in range(2):
        with pytest.raises(StoreError, match=rf"redis://127\.0\.0\.1:{server.port}/0: it cannot be reached"):
            store.reserve("b", CLAIMS, 60)
        with pytest.raises(StoreError, match="it cannot be reached"):
            store.settle("under way", CLAIMS, [1, 1])
    server.start()
    assert store.settle("under way", CLAIMS, [1, 1]) == Settled()
    assert store.figure(RUN) == Figures(committed=4)


def test_many_threads_repair_once(store: RedisStore, server: RedisServer) -> None:
    spend(store, "a", 30)
    with server.by_hand() as client:
        client.flushall()
    ready = threading.Barrier(10)
    refused = []

    def attempt(number: int) -> None:
        ready.wait()
        refused.append(store.reserve(f"h{number}", [Claim(RUN, 30, 100)], 60) is not None)

    threads = [threading.Thread(target=attempt, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(refused) == [False] * 2 + [True] * 8
    assert len(repairs(store)) == 2
