"""What stands in the file of the SQLite store: the journal, the audit, and what is forgotten of them in time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from tests.support.budget_machine import Clock

from spanledger.budget.retention import DAY
from spanledger.budget.sqlite import SqliteStore
from spanledger.budget.store import Claim, Counter, Figures, Gap, StoreError

RUN = Counter("run", "r1", "r1")
CLAIMS = [Claim(RUN, 7, 1000)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "budgets.sqlite"


@pytest.fixture
def store(path: Path, clock: Clock) -> Iterator[SqliteStore]:
    made = SqliteStore(path, clock=clock)
    yield made
    made.close()


@contextmanager
def by_hand(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path)) as connection, connection:
        yield connection


def spend(store: SqliteStore, hold: str, amount: int) -> None:
    assert store.reserve(hold, CLAIMS, 60) is None
    store.settle(hold, CLAIMS, [amount])


def test_what_somebody_changed_behind_its_back_is_a_gap(store: SqliteStore, path: Path) -> None:
    spend(store, "a", 3)
    store.reserve("b", CLAIMS, 60)
    with by_hand(path) as connection:
        connection.execute("UPDATE counters SET committed = 2, held = 0")
    assert set(store.gaps()) == {Gap(RUN, "committed", 2, 3), Gap(RUN, "held", 0, 7)}
    with by_hand(path) as connection:
        connection.execute("DELETE FROM counters")
    assert set(store.gaps()) == {Gap(RUN, "committed", 0, 3), Gap(RUN, "held", 0, 7)}


def test_the_audit_cannot_be_changed(store: SqliteStore, path: Path) -> None:
    store.adjust(RUN, 1, reason="invoice", who="ann")
    for statement in ("DELETE FROM audit", "UPDATE audit SET who = 'bob'"):
        with by_hand(path) as connection, pytest.raises(sqlite3.IntegrityError, match="the audit only grows"):
            connection.execute(statement)


def test_a_sum_that_leaves_64_bits_changes_nothing(store: SqliteStore) -> None:
    store.settle("a", CLAIMS, [2**63 - 1])
    with pytest.raises(StoreError):
        store.settle("b", CLAIMS, [1])
    with pytest.raises(StoreError):
        store.settle("c", CLAIMS, [2**63])
    assert store.figure(RUN) == Figures(committed=2**63 - 1)


def test_a_name_that_is_no_text_is_refused_as_a_failure_of_the_store(store: SqliteStore) -> None:
    with pytest.raises(StoreError):
        store.reserve("a", [Claim(Counter("run", "\ud800", "r1"), 1, 10)], 60)


def rows(path: Path, table: str) -> int:
    with by_hand(path) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def test_holds_that_ended_long_ago_are_forgotten_and_their_charges_are_not(
    store: SqliteStore, path: Path, clock: Clock
) -> None:
    for number in range(300):
        spend(store, f"old{number}", 1)
    clock.now += 2 * DAY
    for number in range(300):
        spend(store, f"new{number}", 1)
    assert rows(path, "holds") == 300
    assert store.figure(RUN).committed == 600
    assert list(store.gaps()) == []


def test_windows_that_are_past_are_forgotten_and_no_live_one(store: SqliteStore, clock: Clock) -> None:
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


def test_a_counter_with_an_open_hold_is_never_forgotten(store: SqliteStore, clock: Clock) -> None:
    store.reserve("long", CLAIMS, 1000 * DAY)
    clock.now += 900 * DAY
    for number in range(130):
        store.settle(f"{number}", [Claim(Counter("run", "r2", "r2"), 0)], [1])
    assert store.figure(RUN) == Figures(held=7)
