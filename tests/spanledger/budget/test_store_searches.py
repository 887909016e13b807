"""Some of many counters, and some of many changes: every store finds the same."""

from __future__ import annotations

import random

import pytest

from spanledger.budget.model import Unit
from spanledger.budget.search import Search, chosen
from spanledger.budget.store import Claim, Counter, Figures, Store

DAY, BEFORE = "2026-11-21", "2026-11-20"
PARTS = ("60s:100", "60s:099", "60s:098")


def filled(store: Store, seed: int) -> None:
    """Users in windows that count and in others, with limits that were raised, in two units, and other budgets."""
    dice = random.Random(seed)
    windows = (DAY, BEFORE, *PARTS, "total")
    for number in range(60):
        user = f"u{dice.randrange(30)}é"
        budget = dice.choice(("user", "user/day", "use"))
        unit: Unit = dice.choice(("USD", "USD", "tokens"))
        counter = Counter(budget, user, dice.choice(windows), unit)
        store.settle(f"s{number}", [Claim(counter, 0)], [dice.randrange(100)])
        if number % 3 == 0:
            store.reserve(f"h{number}", [Claim(counter, dice.randrange(9))], 60)
        if number % 5 == 0:
            store.raise_limit(counter, dice.randrange(3) * 50, reason="more", who="ann")
        if number % 7 == 0:
            store.reserve(f"x{number}", [Claim(counter, 1, 0, sticky=True)], 60)


UNITS: tuple[tuple[Unit, int | None], ...] = (("USD", 100), ("tokens", 0), ("USD", None))
SEARCHES = [
    Search(budget, unit, windows, limit, number)
    for budget, windows in (("user/day", (DAY,)), ("user", PARTS), ("user", ()), ("use", ("total",)), ("nobody", ()))
    for unit, limit in UNITS
    for number in (3, 100)
]


@pytest.mark.parametrize("seed", range(3))
def test_the_fullest_counters_are_found_the_halted_ones_first(store: Store, seed: int) -> None:
    filled(store, seed)
    every = store.figures()
    for search in SEARCHES:
        assert store.search(search) == chosen(search, every.items()), search


@pytest.mark.parametrize("windows", [(DAY,), PARTS, ()])
def test_pages_by_name_have_every_counter_that_counts_once(store: Store, windows: tuple[str, ...]) -> None:
    filled(store, 4)
    seen: list[Counter] = []
    after = ""
    while page := store.search(search := Search("user", "USD", windows, 100, 4, after)):
        places = sorted({search.place(counter) for counter in page})
        assert len(places) <= 4
        assert all(place > after for place in places)
        seen += page
        after = places[-1]
    meant = [counter for counter in store.figures() if search.means(counter)]
    assert sorted(seen) == sorted(meant)
    assert meant


def test_a_budget_that_is_hardly_used_is_behind_one_that_is_and_before_one_without_a_limit(store: Store) -> None:
    used = {"a": 10, "b": 90, "c": 40}
    for user, amount in used.items():
        store.settle(user, [Claim(Counter("user", user, DAY), 0)], [amount])
    store.raise_limit(Counter("user", "b", DAY), 1000, reason="more", who="ann")
    found = store.search(Search("user", "USD", (DAY,), 100, 2))
    assert found == {
        Counter("user", "a", DAY): Figures(committed=10),
        Counter("user", "c", DAY): Figures(committed=40),
    }


def test_a_run_that_is_named_after_a_day_takes_no_place_from_the_counters_of_that_day(store: Store) -> None:
    counters = [Counter("user", "ann", f"nightly-{DAY}"), Counter("user", "bob", DAY), Counter("user", "cid", DAY)]
    for number, counter in enumerate(counters):
        store.settle(f"s{number}", [Claim(counter, 0)], [90 - number])
    for after in (None, ""):
        assert [*store.search(Search("user", "USD", (DAY,), 100, 1, after))] == [counters[1]]


def test_changes_are_told_from_the_last_to_the_first_page_by_page(store: Store) -> None:
    counters = [Counter("run", f"r{number % 12}", f"r{number % 12}") for number in range(30)]
    for number, counter in enumerate(counters):
        store.raise_limit(counter, number, reason="more", who="ann")
    for of, amounts in (
        ([Counter.prefix("run")], range(29, -1, -1)),
        ([Counter.prefix("run", "r1")], (25, 13, 1)),
        ([Counter.prefix(counters[1].key), Counter.prefix(counters[11].key)], (25, 23, 13, 11, 1)),
        ([Counter.prefix("ru"), Counter.prefix("run", "r")], ()),
        ([], ()),
    ):
        told: list[int | None] = []
        before = None
        while page := store.history(of, before, 2):
            told += [entry.amount for _, entry in page]
            before = page[-1][0]
        assert told == [*amounts]
    assert store.history([Counter.prefix("run")], -5, 10) == []


def test_changes_of_as_many_budgets_as_there_are_may_be_asked_for(store: Store) -> None:
    names = [f"budget-{number}" for number in range(1200)]
    meant, other = Counter(names[-1], "ann", DAY), Counter("budget-12000", "ann", DAY)
    for counter in (meant, other):
        store.raise_limit(counter, 7, reason="more", who="ann")
    found = store.history([Counter.prefix(name) for name in names], None, 10)
    assert [entry.counter for _, entry in found] == [meant]
