"""Halts, changes by hand and warnings, in every store."""

from __future__ import annotations

from tests.support.clock import Clock

from spanledger.budget.store import Claim, Counter, Denied, Figures, Store

RUN = Counter("run", "r1", "r1")


def claim(amount: int, limit: int | None = 10, *, warns: tuple[int, ...] = (), sticky: bool = False) -> Claim:
    return Claim(RUN, amount, limit, warns, sticky=sticky)


def test_sticky_refusals_that_waiting_cannot_cure_halt_until_the_limit_is_raised(store: Store) -> None:
    sticky = claim(8, sticky=True)
    store.settle("before", [claim(0)], [4])
    denied = store.reserve("a", [sticky], 60)
    assert denied is not None
    assert (denied.kind, denied.halted) == ("insufficient", True)
    small = store.reserve("b", [claim(1)], 60)
    assert small is not None
    assert (small.kind, small.halted) == ("exhausted", True)
    assert store.figure(RUN) == Figures(committed=4, halted=True, refused=2)
    store.raise_limit(RUN, 20, reason="go on", who="ann")
    assert store.reserve("c", [sticky], 60) is None
    assert store.figure(RUN) == Figures(committed=4, held=8, limit=20, refused=2)


def test_a_sticky_refusal_that_waiting_can_cure_halts_nothing(store: Store) -> None:
    store.reserve("a", [claim(8)], 60)
    store.reserve("b", [claim(8, sticky=True)], 60)
    store.reserve("c", [claim(11, sticky=True)], 60)
    assert not store.figure(RUN).halted


def test_the_raised_limit_wins_until_it_is_reset(store: Store) -> None:
    store.raise_limit(RUN, 3, reason="less", who="ann")
    assert store.reserve("a", [claim(4)], 60) is not None
    store.reset(RUN, reason="as it was", who="ann")
    assert store.reserve("a", [claim(4)], 60) is None


def test_a_correction_never_goes_below_0_and_the_audit_tells_what_it_came_to(store: Store, clock: Clock) -> None:
    store.settle("a", [claim(4)], [4])
    store.adjust(RUN, 3, reason="invoice", who="ann")
    store.adjust(RUN, -20, reason="refund", who="bob")
    assert store.figure(RUN).committed == 0
    assert [(e.at, e.counter, e.action, e.amount, e.reason, e.who) for e in store.audit()] == [
        (clock.now, RUN, "adjust", 3, "invoice", "ann"),
        (clock.now, RUN, "adjust", -7, "refund", "bob"),
    ]
    assert list(store.gaps()) == []


def test_a_halt_is_in_the_audit_once(store: Store) -> None:
    for hold in ("a", "b"):
        store.reserve(hold, [claim(1, limit=0, sticky=True)], 60)
    assert [(entry.action, entry.reason) for entry in store.audit()] == [("halt", "exhausted")]


def test_a_warning_is_given_once_however_spending_goes_on(store: Store, clock: Clock) -> None:
    warned = claim(0, limit=None, warns=(5, 8))
    assert store.settle("a", [warned], [4]).crossed == ()
    assert store.settle("b", [warned], [1]).crossed == ((RUN, 5),)
    store.adjust(RUN, -3, reason="refund", who="ann")
    assert store.settle("c", [warned], [4]).crossed == ()
    assert store.settle("d", [warned], [4]).crossed == ((RUN, 8),)


def test_one_settlement_can_make_several_warnings_due(store: Store) -> None:
    assert store.settle("a", [claim(0, limit=None, warns=(5, 8))], [9]).crossed == ((RUN, 5), (RUN, 8))


def test_what_was_charged_at_expiry_is_warned_of_by_the_next_settlement(store: Store, clock: Clock) -> None:
    warned = claim(6, warns=(5,))
    store.reserve("a", [warned], 10)
    clock.now += 10
    store.expire()
    assert store.settle("b", [warned], [0]).crossed == ((RUN, 5),)


def test_the_parts_of_a_rolling_window_count_together_and_warn_together(store: Store) -> None:
    parts = [Counter("rate", "", f"60s:{number}") for number in range(4)]

    def at(number: int, amount: int) -> Claim:
        return Claim(parts[number], amount, 10, warns=(6,), also=tuple(parts[max(0, number - 2) : number]))

    assert store.settle("a", [at(0, 5)], [5]).crossed == ()
    assert store.settle("b", [at(1, 2)], [2]).crossed == ((parts[1], 6),)
    assert store.settle("c", [at(2, 1)], [1]).crossed == ()
    assert store.reserve("d", [at(2, 3)], 60) == Denied(0, "insufficient", 10, 8, 0, 3)
    assert store.reserve("d", [at(3, 3)], 60) is None


def test_a_limit_raised_in_a_rolling_window_holds_until_the_part_it_was_raised_in_has_left(store: Store) -> None:
    parts = [Counter("rate", "", f"60s:{number}") for number in range(4)]

    def at(number: int) -> Claim:
        return Claim(parts[number], 15, 10, also=tuple(reversed(parts[max(0, number - 2) : number])))

    store.raise_limit(parts[0], 20, reason="more", who="ann")
    assert store.reserve("a", [at(1)], 60) is None
    store.release("a")
    store.raise_limit(parts[1], 14, reason="less", who="ann")
    assert store.reserve("b", [at(2)], 60) == Denied(0, "too_large", 14, 0, 0, 15)
    store.reset(parts[1], reason="as it was", who="ann")
    assert store.reserve("c", [at(2)], 60) is None
    store.release("c")
    assert store.reserve("d", [at(3)], 60) == Denied(0, "too_large", 10, 0, 0, 15)
