"""What every store promises, one promise after the other."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from tests.support.clock import Clock

from spanledger.budget.store import Claim, Counter, Denied, Figures, Settled, Store

RUN = Counter("run", "r1", "r1")
DAY = Counter("tenant/day", "acme", "2026-11-21")


def claim(amount: int, limit: int | None = 10, counter: Counter = RUN) -> Claim:
    return Claim(counter, amount, limit)


def test_a_counter_that_nothing_happened_to_is_all_0(store: Store) -> None:
    assert store.figure(RUN) == Figures()
    assert store.figures() == {}


def test_a_hold_is_held_until_it_is_settled_with_what_was_used(store: Store) -> None:
    assert store.reserve("a", [claim(7)], 60) is None
    assert store.figure(RUN) == Figures(held=7)
    assert store.settle("a", [claim(7)], [3]) == Settled()
    assert store.figures() == {RUN: Figures(committed=3)}


def test_more_than_was_held_is_charged_in_full(store: Store) -> None:
    store.reserve("a", [claim(7)], 60)
    store.settle("a", [claim(7)], [40])
    assert store.figure(RUN) == Figures(committed=40)


def test_a_refusal_takes_nothing_from_the_counters_that_had_room(store: Store) -> None:
    denied = store.reserve("a", [claim(5), claim(5, 4, DAY)], 60)
    assert denied == Denied(index=1, kind="too_large", limit=4, committed=0, held=0, needed=5)
    assert store.figures() == {DAY: Figures(refused=1)}
    assert list(store.holds()) == []


def test_every_budget_that_refuses_counts_it_and_the_least_hopeful_is_told(store: Store) -> None:
    store.reserve("a", [claim(6), claim(6, 10, DAY)], 60)
    denied = store.reserve("b", [claim(5), claim(11, 10, DAY)], 60)
    assert denied is not None
    assert (denied.index, denied.kind) == (1, "too_large")
    assert store.figure(RUN).refused == store.figure(DAY).refused == 1


@pytest.mark.parametrize(
    ("spent", "held", "amount", "kind"),
    [
        (10, 0, 1, "exhausted"),
        (10, 0, 0, "exhausted"),
        (0, 0, 11, "too_large"),
        (2, 6, 8, "in_flight"),
        (4, 0, 8, "insufficient"),
    ],
)
def test_a_refusal_says_what_kind_it_is(store: Store, spent: int, held: int, amount: int, kind: str) -> None:
    store.settle("before", [claim(0)], [spent])
    store.reserve("held", [claim(held)], 60)
    denied = store.reserve("a", [claim(amount)], 60)
    assert denied == Denied(0, kind, 10, spent, held, amount)  # type: ignore[arg-type]


def test_a_limit_of_0_refuses_what_costs_nothing_too(store: Store) -> None:
    denied = store.reserve("a", [claim(0, limit=0)], 60)
    assert denied is not None
    assert denied.kind == "exhausted"


def test_a_hold_that_is_asked_for_again_is_the_same_hold(store: Store) -> None:
    assert store.reserve("a", [claim(7)], 60) is None
    assert store.reserve("a", [claim(7)], 60) is None
    assert store.figure(RUN).held == 7


def test_the_first_settlement_counts(store: Store) -> None:
    store.reserve("a", [claim(7)], 60)
    store.settle("a", [claim(7)], [3])
    assert store.settle("a", [claim(7)], [6]) == Settled(first=False)
    store.release("a")
    assert store.figure(RUN) == Figures(committed=3)


def test_a_release_charges_nothing_and_is_final(store: Store) -> None:
    store.reserve("a", [claim(7)], 60)
    store.release("a")
    assert store.settle("a", [claim(7)], [6]) == Settled(first=False)
    assert store.figure(RUN) == Figures()


def test_what_an_unknown_hold_used_is_charged_in_full_and_once(store: Store) -> None:
    assert store.settle("a", [claim(7)], [6]).first
    assert not store.settle("a", [claim(7)], [6]).first
    assert store.figure(RUN) == Figures(committed=6)


def test_a_hold_whose_time_is_over_is_charged_and_a_late_settlement_replaces_the_charge(
    store: Store, clock: Clock
) -> None:
    store.reserve("a", [claim(7)], 60)
    clock.now += 60
    assert store.expire() == 1
    assert store.expire() == 0
    assert store.figure(RUN) == Figures(committed=7)
    assert store.settle("a", [claim(7)], [3]) == Settled(late=True)
    assert store.settle("a", [claim(7)], [5]) == Settled(first=False)
    assert store.figure(RUN) == Figures(committed=3)
    assert list(store.gaps()) == []


def test_a_hold_that_is_overdue_and_not_yet_charged_is_settled_as_any_other(store: Store, clock: Clock) -> None:
    store.reserve("a", [claim(7)], 60)
    clock.now += 100
    assert store.settle("a", [claim(7)], [3]) == Settled()


def test_a_hold_that_is_over_its_time_leaves_no_room_to_the_next(store: Store, clock: Clock) -> None:
    store.reserve("a", [claim(7)], 60)
    clock.now += 100
    assert store.reserve("b", [claim(4)], 60) == Denied(0, "insufficient", 10, 7, 0, 4)


def test_an_extension_holds_more_for_longer(store: Store, clock: Clock) -> None:
    store.reserve("a", [claim(4)], 60)
    clock.now += 50
    assert store.extend("a", [claim(3)], 60) is None
    clock.now += 50
    assert store.figure(RUN) == Figures(held=7)
    assert store.extend("a", [claim(4)], 60) == Denied(0, "in_flight", 10, 0, 7, 4)
    assert store.settle("a", [claim(7)], [6]) == Settled()
    assert store.figure(RUN) == Figures(committed=6, refused=1)


def test_an_extension_of_a_hold_that_was_charged_is_charged_too(store: Store, clock: Clock) -> None:
    store.reserve("a", [claim(4)], 60)
    clock.now += 100
    store.expire()
    assert store.extend("a", [claim(3)], 60) is None
    assert store.figure(RUN) == Figures(committed=7)
    assert store.settle("a", [claim(7)], [5]) == Settled(late=True)
    assert store.figure(RUN) == Figures(committed=5)
    assert list(store.gaps()) == []


def test_an_extension_of_an_unknown_hold_is_a_hold(store: Store) -> None:
    store.extend("a", [claim(4)], 60)
    assert store.figure(RUN) == Figures(held=4)


def test_an_extension_of_what_is_over_changes_nothing(store: Store) -> None:
    store.settle("a", [claim(4)], [2])
    assert store.extend("a", [claim(4)], 60) is None
    assert store.figure(RUN) == Figures(committed=2)


def test_holds_tell_what_is_open_and_what_was_charged(store: Store, clock: Clock) -> None:
    store.reserve("old", [claim(4), claim(1, 10, DAY)], 10)
    clock.now += 10
    store.reserve("new", [claim(3)], 10)
    store.settle("done", [claim(1)], [1])
    told = {hold.id: hold for hold in store.holds()}
    assert told.keys() == {"old", "new"}
    assert (told["old"].state, told["old"].amounts, told["old"].charged) == ("expired", (4, 1), (4, 1))
    assert (told["new"].state, told["new"].counters, told["new"].charged) == ("open", (RUN,), None)
    assert told["new"].expires == clock.now + 10
    assert told["new"].owner.endswith(f":{os.getpid()}")


def test_amounts_are_whole_numbers_of_up_to_63_bits(store: Store) -> None:
    much = 2**62 + 1
    assert store.reserve("a", [claim(much, limit=2**63 - 1)], 60) is None
    store.settle("a", [claim(much)], [much])
    assert store.figure(RUN).committed == much


@pytest.mark.parametrize("value", ["", "a\x1fb", "a\nb", "käse ☃", '"', "a\x00b", "x" * 5000])
def test_any_text_names_a_scope(store: Store, value: str) -> None:
    counter = Counter("tenant/day", value, "2026-11-21")
    store.reserve("a", [claim(1, counter=counter)], 60)
    assert list(store.figures()) == [counter]
    assert next(iter(store.holds())).counters == (counter,)


def test_a_jump_of_the_clock_moves_no_money(store: Store, clock: Clock) -> None:
    store.reserve("a", [claim(5)], 30)
    clock.now += 60
    assert store.figure(RUN) == Figures(committed=5)
    clock.now -= 120
    assert store.reserve("b", [claim(5)], 30) is None
    assert store.reserve("c", [claim(1)], 30) is not None
    assert store.settle("a", [claim(5)], [2]) == Settled(late=True)
    assert store.settle("b", [claim(5)], [1]) == Settled()
    assert store.figure(RUN) == Figures(committed=3, refused=1)
    assert list(store.gaps()) == []


def test_50_threads_get_no_more_than_fits(store: Store) -> None:
    ready = threading.Barrier(50)

    def attempt(number: int) -> bool:
        ready.wait()
        wanted = [claim(2), replace(claim(2, 1000), counter=DAY)]
        if store.reserve(f"h{number}", wanted, 60) is not None:
            return False
        store.settle(f"h{number}", wanted, [2, 2])
        return True

    with ThreadPoolExecutor(50) as pool:
        admitted = sum(pool.map(attempt, range(50)))
    assert admitted == 5
    assert store.figures() == {RUN: Figures(committed=10, refused=45), DAY: Figures(committed=10)}
    assert list(store.gaps()) == []


def test_a_store_that_was_closed_opens_again(store: Store) -> None:
    store.settle("a", [claim(4)], [4])
    store.close()
    assert store.figure(RUN) == Figures(committed=4)
