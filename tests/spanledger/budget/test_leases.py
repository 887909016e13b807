"""What a process that leases promises beyond what every store does."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from tests.support.leasing import DAY, RUN, TERMS, Host, beat, claim, is_leased, spend

from spanledger.budget.lease import Terms
from spanledger.budget.sqlite import database
from spanledger.budget.store import Denied, Figures, Settled, StoreError


def test_what_is_leased_shows_as_held_and_what_was_spent_of_it_after_a_beat(host: Host) -> None:
    store = host.process()
    spend(store, "a", 4)
    assert host.centre.figure(RUN) == Figures(held=160)
    assert store.figure(RUN) == Figures(committed=4, held=156)
    beat(store)
    assert host.centre.figure(RUN) == Figures(committed=4, held=156)
    store.close()
    assert host.centre.figure(RUN) == Figures(committed=4)
    assert host.logs() == []


def test_a_beat_comes_by_itself(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    store = host.process(replace(TERMS, every=0.01))
    booked = threading.Event()
    convert = store.centre.convert

    def told(*arguments: object) -> Settled:
        settled = convert(*arguments)  # type: ignore[arg-type]
        booked.set()
        return settled

    monkeypatch.setattr(store.centre, "convert", told)
    spend(store, "a", 4)
    assert booked.wait(10)
    assert host.centre.figure(RUN).committed == 4


def test_a_small_budget_is_not_leased(host: Host) -> None:
    store = host.process()
    small = claim(10, limit=319)
    store.reserve("a", [small], 60)
    assert not is_leased(store, "a")
    assert host.centre.figure(RUN) == Figures(held=10)


def test_a_counter_is_leased_once_it_is_used_often(host: Host) -> None:
    store = host.process(Terms(every=None))
    for hold in ("a", "b", "c"):
        store.reserve(hold, [claim()], 60)
    assert [is_leased(store, hold) for hold in ("a", "b", "c")] == [False, False, True]


def test_a_call_that_one_counter_cannot_serve_leases_of_none(host: Host) -> None:
    store = host.process()
    store.reserve("a", [claim(), claim(10, 100, DAY)], 60)
    assert host.centre.figures() == {RUN: Figures(held=10), DAY: Figures(held=10)}


def test_rolling_windows_are_the_centres_business(host: Host) -> None:
    store = host.process()
    store.reserve("a", [replace(claim(), also=(DAY,))], 60)
    assert not is_leased(store, "a")


def test_no_lease_is_more_than_its_part_of_what_is_left(host: Host) -> None:
    first, second = host.process(), host.process()
    spend(first, "a", 0, [claim(10, 640)])
    spend(second, "b", 0, [claim(10, 640)])
    assert host.centre.figure(RUN).held == 640 // 8 + (640 - 80) // 8


def test_a_lease_that_runs_dry_grows_four_times_as_large(host: Host) -> None:
    store = host.process()
    most = []
    for number in range(60):
        spend(store, f"h{number}", 10, [claim(10, 10**9)])
        most.append(store._books.leases[RUN].free)
    assert max(most) == 630
    assert host.centre.figure(RUN) == Figures(committed=160, held=640)


def test_a_lease_nobody_uses_is_given_back(host: Host) -> None:
    store = host.process()
    spend(store, "a", 4)
    for _ in range(TERMS.idle + 2):
        beat(store)
    assert host.centre.figure(RUN) == Figures(committed=4)


def test_as_the_budget_runs_out_the_others_get_back_what_a_process_has_free(host: Host) -> None:
    store = host.process()
    spend(store, "a", 0)
    assert host.centre.figure(RUN).held == 160
    host.centre.settle("elsewhere", [claim()], [9_000])
    beat(store)
    assert host.centre.figure(RUN) == Figures(committed=9_000, held=(1_000 - 160 + 160) // 8)
    host.centre.settle("more", [claim()], [900])
    beat(store)
    assert host.centre.figure(RUN) == Figures(committed=9_900)


def test_what_this_process_has_free_stands_in_nobodys_way_here(host: Host) -> None:
    store = host.process()
    spend(store, "a", 0)
    assert store.reserve("large", [claim(9_990)], 60) is None
    assert host.centre.figure(RUN) == Figures(held=9_990)


def test_a_budget_is_used_to_the_last_hold(host: Host) -> None:
    store = host.process()
    admitted = sum(store.reserve(f"h{number}", [claim(10, 1_000)], 60) is None for number in range(150))
    assert admitted == 100
    assert store.figure(RUN) == Figures(held=1_000, refused=50)


def test_more_than_was_held_is_charged_in_full(host: Host) -> None:
    store = host.process()
    spend(store, "a", 500)
    assert store.figures() == {RUN: Figures(committed=500)}


def test_a_hold_whose_time_is_over_is_charged_and_a_late_settlement_replaces_it(host: Host) -> None:
    store = host.process()
    store.reserve("a", [claim()], 30)
    host.clock.now += 31
    beat(store)
    assert store.figure(RUN).committed == 10
    assert store.settle("a", [claim()], [3]) == Settled(late=True)
    assert store.settle("a", [claim()], [5]) == Settled(first=False)
    store.close()
    assert host.centre.figure(RUN) == Figures(committed=3)
    assert list(host.centre.gaps()) == []


def test_an_extension_beyond_the_lease_is_held_beside_it(host: Host) -> None:
    store = host.process()
    store.reserve("a", [claim()], 60)
    assert store.extend("a", [claim(20)], 60) is None
    assert store.extend("a", [claim(500)], 60) is None
    assert is_leased(store, "a")
    assert store.settle("a", [claim()], [400]) == Settled()
    store.close()
    assert host.centre.figure(RUN) == Figures(committed=400)
    assert list(host.centre.gaps()) == []


def test_a_warning_is_given_by_the_settlement_that_makes_it_due(host: Host) -> None:
    store = host.process()
    warned = [replace(claim(), warns=(5, 8))]
    assert spend(store, "a", 4, warned).crossed == ()
    assert spend(store, "b", 1, warned).crossed == ((RUN, 5),)
    assert spend(store, "c", 2, warned).crossed == ()
    assert spend(store, "d", 2, warned).crossed == ((RUN, 8),)


def test_a_warning_that_processes_make_due_together_is_given_to_one_of_them(host: Host) -> None:
    warned = [replace(claim(), warns=(5,))]
    told: list[object] = []
    both = host.process(), host.process()
    for store in both:
        store.listen(told.append)
        assert spend(store, "a" if store is both[0] else "b", 3, warned).crossed == ()
    for store in both:
        store._keeper._work()
    assert told == [((RUN, 5),)]


def test_refusals_are_repeated_without_the_centre_and_counted_exactly(host: Host) -> None:
    store = host.process()
    spent = [claim(10, 5), claim(10, 5, DAY)]
    assert all(store.reserve(f"h{number}", spent, 60) == Denied(0, "too_large", 5, 0, 0, 10) for number in range(50))
    assert host.centre.figure(RUN).refused == 1
    assert store.figure(RUN).refused == 50
    beat(store)
    assert host.centre.figure(RUN).refused == host.centre.figure(DAY).refused == 50


def test_a_limit_that_is_raised_is_seen_at_once_here_and_soon_elsewhere(host: Host) -> None:
    here, there = host.process(), host.process()
    for store in (here, there):
        assert store.reserve("a", [claim(10, 5)], 60) is not None
    here.raise_limit(RUN, 100, reason="more", who="ann")
    assert here.reserve("b", [claim(10, 5)], 60) is None
    assert there.reserve("c", [claim(10, 5)], 60) is not None
    host.clock.now += 0.25
    assert there.reserve("c", [claim(10, 5)], 60) is None


def test_a_run_is_halted_by_the_centre_and_no_lease_outlives_that(host: Host) -> None:
    store = host.process()
    sticky = replace(claim(), sticky=True)
    spend(store, "a", 0, [sticky])
    host.centre.settle("elsewhere", [claim()], [10_000])
    beat(store)
    denied = store.reserve("b", [sticky], 60)
    assert denied is not None
    assert denied.halted
    assert [entry.action for entry in store.audit()] == ["halt"]
    host.centre.raise_limit(RUN, 50_000, reason="on", who="ann")
    host.clock.now += 0.5
    assert store.reserve("c", [sticky], 60) is None


def test_who_slept_past_the_deadline_spends_nothing_of_the_lease(host: Host) -> None:
    store = host.process()
    spend(store, "a", 4)
    host.clock.now += TERMS.ttl
    assert host.centre.figure(RUN) == Figures(committed=160), "the centre has charged it"
    store.reserve("b", [claim()], 60)
    assert not is_leased(store, "b")
    store.settle("b", [claim()], [1])
    beat(store)
    assert host.centre.figure(RUN).committed == 5, "what it says late replaces the charge"


def test_a_lease_is_renewed_for_as_long_as_a_hold_is_under_way(host: Host) -> None:
    store = host.process()
    store.reserve("a", [claim()], 600)
    for _ in range(60):
        host.clock.now += 5
        beat(store)
    assert store.settle("a", [claim()], [4]) == Settled()
    assert store.figure(RUN).committed == 4


def test_without_the_centre_the_lease_is_spent_and_then_it_is_told(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    store = host.process()
    monkeypatch.setattr(database, "PATIENCE", 0.01)
    spend(store, "a", 10)
    with host.centre._database.writing():
        for number in range(15):
            spend(store, f"h{number}", 10)
        with pytest.raises(StoreError, match="another process keeps it locked"):
            store.reserve("one too many", [claim()], 60)
        with pytest.raises(StoreError):
            beat(store)
    store.close()
    assert host.centre.figure(RUN) == Figures(committed=160)
    assert list(host.centre.gaps()) == []


def test_changes_by_hand_are_the_centres(host: Host) -> None:
    store = host.process()
    spend(store, "a", 4)
    store.adjust(RUN, -2, reason="refund", who="ann")
    store.reset(RUN, reason="as it was", who="ann")
    assert store.figure(RUN).committed == 2
    assert [entry.amount for entry in store.audit()] == [-2, None]


def test_refusals_given_without_asking_are_seen_at_once_and_the_centre_is_told(host: Host) -> None:
    store = host.process()
    spend(store, "a", 4)
    store.refuse({RUN: 2, DAY: 1})
    assert (store.figure(RUN).refused, store.figure(DAY).refused) == (2, 1)
    beat(store)
    assert (host.centre.figure(RUN).refused, host.centre.figure(DAY).refused) == (2, 1)
    assert store.figure(RUN).refused == 2
