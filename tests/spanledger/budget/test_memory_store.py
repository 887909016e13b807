"""What the memory store forgets, so that a process may live as long as it likes."""

from __future__ import annotations

from tests.support.clock import Clock

from spanledger.budget import rows
from spanledger.budget.memory import MemoryStore
from spanledger.budget.retention import DAY
from spanledger.budget.store import Claim, Counter, Figures

DAILY = Counter("tenant/day", "acme", "2026-11-21")


def spend(store: MemoryStore, hold: str, *counters: Counter) -> None:
    claims = [Claim(counter, 2, 10**9) for counter in counters]
    assert store.reserve(hold, claims, 60) is None
    store.settle(hold, claims, [1] * len(claims))


def test_holds_that_ended_are_forgotten_and_their_charges_are_not(clock: Clock) -> None:
    store = MemoryStore(clock=clock)
    for number in range(2 * rows.KEPT):
        spend(store, f"h{number}", DAILY)
    assert len(store._books.over) == rows.KEPT
    assert store.figure(DAILY).committed == 2 * rows.KEPT
    assert list(store.gaps()) == []


def test_an_expired_hold_is_remembered_for_a_day_however_many_follow(clock: Clock) -> None:
    store = MemoryStore(clock=clock)
    store.reserve("late", [Claim(DAILY, 5, 10**9)], 60)
    clock.now += 60
    for number in range(3 * rows.KEPT):
        spend(store, f"h{number}", Counter("run", f"r{number}", f"r{number}"))
    assert store.settle("late", [Claim(DAILY, 5)], [2]).late
    assert store.figure(DAILY) == Figures(committed=2)


def test_runs_are_forgotten_after_a_day_and_what_still_counts_is_not(clock: Clock) -> None:
    store = MemoryStore(clock=clock)
    store.reserve("long", [Claim(Counter("run", "long", "long"), 1, 10)], 10 * DAY)
    for number in range(rows.KEPT):
        spend(store, f"old{number}", DAILY, Counter("run", f"old{number}", f"old{number}"))
    clock.now += 1.5 * DAY
    for number in range(3 * rows.KEPT):
        spend(store, f"new{number}", Counter("run", f"new{number}", f"new{number}"))
    budgets = [counter.window[:3] for counter in store.figures()]
    assert "old" not in budgets
    assert {"lon", "202", "new"} == set(budgets)
    assert list(store.gaps()) == []
