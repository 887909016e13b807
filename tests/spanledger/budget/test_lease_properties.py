"""Leases under whatever happens in whatever order: the same machine as every store's, and one of nodes that die."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from tests.spanledger.budget.test_store_properties import FIND, SEARCH, SHORTEN, Releasing
from tests.support.budget_machine import machine
from tests.support.lease_machine import lease_machine

from spanledger.budget.lease import LeasedStore, Terms
from spanledger.budget.lease.books import Books
from spanledger.budget.lease.log import Log
from spanledger.budget.memory import MemoryStore
from spanledger.budget.redis import RedisStore
from spanledger.budget.sqlite import SqliteStore
from spanledger.budget.store import Claim, Lender, Store

#: Leases of the small budgets of the machine.
EAGER = Terms(ttl=10.0, every=None, warm=0, first=2, least=1, share=1)


@pytest.mark.parametrize("centre", ["memory", "sqlite", "redis"])
def test_holds_from_leases_keep_the_invariants_of_every_store(
    centre: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    numbers = count()
    url: Callable[[], str] = request.getfixturevalue("redis_url") if centre == "redis" else str

    def make(clock: Callable[[], float]) -> Store:
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        stores: dict[str, Callable[[], Lender]] = {
            "memory": lambda: MemoryStore(clock=clock),
            "sqlite": lambda: SqliteStore(folder / "budgets.sqlite", clock=clock),
            "redis": lambda: RedisStore(url(), clock=clock),
        }
        return LeasedStore(stores[centre](), folder / "leases", EAGER, clock)

    run_state_machine_as_test(machine(make, compare=False, leased=True), settings=SEARCH)


LEASES = settings(max_examples=120, stateful_step_count=50, phases=SHORTEN)


def memory(clock: Callable[[], float]) -> MemoryStore:
    return MemoryStore(clock=clock)


def test_nodes_that_die_sleep_and_come_late_never_overspend(tmp_path: Path) -> None:
    run_state_machine_as_test(lease_machine(memory, tmp_path), settings=LEASES)


def test_giving_back_expired_leases_is_caught_by_the_same_machine(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        run_state_machine_as_test(lease_machine(lambda clock: Releasing(clock=clock), tmp_path), settings=FIND)


def test_holds_that_are_not_written_down_are_caught_by_the_same_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    append = Log.append
    monkeypatch.setattr(Log, "append", lambda log, record: record[:1] in b"hs" or append(log, record))
    with pytest.raises(AssertionError):
        run_state_machine_as_test(lease_machine(memory, tmp_path), settings=FIND)


def test_a_good_part_of_the_calls_of_the_machine_is_served_from_leases(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """So the proofs are about leases, and not about the centre behind them."""
    served: list[bool] = []
    serve = Books.serve

    def counted(books: Books, hold: str, claims: Sequence[Claim], ttl: float) -> bool:
        served.append(serve(books, hold, claims, ttl))
        return served[-1]

    monkeypatch.setattr(Books, "serve", counted)
    same = settings(LEASES, max_examples=30, database=None, derandomize=True)
    run_state_machine_as_test(lease_machine(memory, tmp_path), settings=same)
    assert sum(served) > len(served) / 4
