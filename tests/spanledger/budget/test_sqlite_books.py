"""What stands in the file of the SQLite store: the journal, the audit, and what is forgotten of them in time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from tests.support.clock import Clock

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
