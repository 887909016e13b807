"""What stores that outlive their processes forget in time, and what they never forget."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis
from tests.support.clock import Clock

from spanledger.budget.redis import RedisStore
from spanledger.budget.retention import DAY
from spanledger.budget.sqlite import SqliteStore
from spanledger.budget.store import Claim, Counter, Figures, Store

RUN = Counter("run", "r1", "r1")
CLAIMS = [Claim(RUN, 7, 1000)]


def _holds_in_file(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT count(*) FROM holds").fetchone()[0])


def _holds_in_redis(url: str) -> int:
    address, _, prefix = url.partition("?prefix=")
    with closing(redis.Redis.from_url(address)) as client:
        return int(client.hlen(f"{{{prefix}}}:holds"))


@pytest.fixture(params=["sqlite", "redis"])
def kept(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock, redis_url: Callable[[], str]) -> Iterator[Kept]:
    """A store, and how many holds it remembers."""
    store: Store
    if request.param == "sqlite":
        path = tmp_path / "budgets.sqlite"
        store = SqliteStore(path, clock=clock)
        yield store, lambda: _holds_in_file(path)
    else:
        url = redis_url()
        store = RedisStore(url, clock=clock)
        yield store, lambda: _holds_in_redis(url)
    store.close()


Kept = tuple[Store, Callable[[], int]]


def spend(store: Store, hold: str, amount: int) -> None:
    assert store.reserve(hold, CLAIMS, 60) is None
    store.settle(hold, CLAIMS, [amount])


def test_holds_that_ended_long_ago_are_forgotten_and_their_charges_are_not(kept: Kept, clock: Clock) -> None:
    store, remembered = kept
    for number in range(300):
        spend(store, f"old{number}", 1)
    clock.now += 2 * DAY
    for number in range(300):
        spend(store, f"new{number}", 1)
    assert remembered() == 300
    assert store.figure(RUN).committed == 600
    assert list(store.gaps()) == []


def test_windows_that_are_past_are_forgotten_and_no_live_one(kept: Kept, clock: Clock) -> None:
    store, _ = kept
    total, month = Counter("global", "", "total"), Counter("tenant/month", "acme", "2026-11")
    part, run = Counter("rate", "", "60s:29000000"), Counter("run", "r2", "r2")
    store.settle("old", [Claim(counter, 0) for counter in (total, month, part, run)], [1] * 4)

    def left_after(days: float) -> set[Counter]:
        clock.now += days * DAY
        for number in range(130):
            store.settle(f"{clock.now}.{number}", [Claim(RUN, 0)], [1])
        assert list(store.gaps()) == []
        return store.figures().keys() - {RUN}

    assert left_after(1.5) == {total, month, part, run}
    assert left_after(30) == {total, month, run}
    assert left_after(40) == {total, run}
    assert left_after(40) == {total}
    assert left_after(4000) == {total}


def test_a_counter_with_an_open_hold_is_never_forgotten(kept: Kept, clock: Clock) -> None:
    store, _ = kept
    store.reserve("long", CLAIMS, 1000 * DAY)
    clock.now += 900 * DAY
    for number in range(130):
        store.settle(f"{number}", [Claim(Counter("run", "r2", "r2"), 0)], [1])
    assert store.figure(RUN) == Figures(held=7)
