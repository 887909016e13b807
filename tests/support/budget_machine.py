"""Everything that can happen to a store, in any order, beside the model; the invariants are checked after each step.

`machine(factory)` is a hypothesis state machine for the stores that `factory` makes. Limits are small, so that a wrong
policy hits them. With `compare=False` the model is not asked: then the invariants alone must catch what is wrong.
"""

from __future__ import annotations

from collections import Counter as Sums
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import cast

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.support.budget_model import Model, summary
from tests.support.clock import Clock

from spanledger.budget.store import Claim, Counter, Lender, Store

TTL = 20.0
#: Seconds of one part of the rolling window, of which three count.
PART = 10.0
#: Time that passes before something is said of an attempt, with nobody looking at the store meanwhile.
LAG = st.sampled_from([0.0, 0.0, 0.0, 6.0, 25.0])

Factory = Callable[[Callable[[], float]], Store]


RUN = Claim(Counter("run", "r1", "r1"), 0, limit=12, warns=(6, 11), sticky=True)
DAY = Claim(Counter("tenant/day", "a\x1fb", "2026-11-21"), 0, limit=15, warns=(5, 10, 15))
TOTAL = Claim(Counter("global", "", "total"), 0, limit=25)
COUNTED = Claim(Counter("warn", "ü", "total"), 0, warns=(4, 8))
LIMITED = {RUN.counter: 12, DAY.counter: 15, TOTAL.counter: 25}


def rolling(now: float) -> Claim:
    """A claim on a rolling window of three parts."""
    newest = int(now // PART)
    parts = [Counter("rate", "", f"10s:{part}") for part in (newest, newest - 1, newest - 2)]
    return Claim(parts[0], 0, limit=14, warns=(7,), also=tuple(parts[1:]))


@dataclass
class Attempt:
    """An attempt that was admitted: what it claimed, and what the provider bills for it, by claim."""

    claims: tuple[Claim, ...]
    bill: tuple[int, ...]
    over: bool = False
    settled: bool = False


def drawn(data: st.DataObject, now: float) -> tuple[Claim, ...]:
    """Claims on some of the budgets."""
    budgets = data.draw(st.lists(st.sampled_from(range(5)), min_size=1, max_size=5, unique=True))
    every = (RUN, DAY, TOTAL, COUNTED, rolling(now))
    counted = data.draw(st.booleans())
    return tuple(replace(every[index], amount=data.draw(st.integers(0, 7)), counted=counted) for index in budgets)


class StoreMachine(RuleBasedStateMachine):
    """Follows what the store answers; `compare` says whether the model must answer the same.

    `leased`: holds are served from leases, which expire too and whose charge is replaced whenever they are booked.
    """

    factory: Factory
    compare = True
    leased = False

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.store = type(self).factory(self.clock)
        self.model = Model(self.clock)
        self.attempts: dict[str, Attempt] = {}
        self.number = 0
        self.limits = dict(LIMITED)
        self.overrun: Sums[Counter] = Sums()
        self.unheld: Sums[Counter] = Sums()
        self.added: Sums[Counter] = Sums()
        self.taken_off: Sums[Counter] = Sums()
        self.before: dict[Counter, int] = {}

    def same(self, found: object, expected: object) -> None:
        if self.compare:
            assert found == expected

    def lends(self) -> bool:
        return hasattr(self.store, "convert")

    def open(self) -> list[str]:
        return [hold for hold, attempt in self.attempts.items() if not attempt.over]

    @rule(data=st.data(), ttl=st.sampled_from([1.0, 5.0, TTL]), over=st.sampled_from([0, 0, 0, 3]))
    def reserve(self, data: st.DataObject, ttl: float, over: int) -> None:
        """An attempt; once it is admitted it is sent, and from then on the provider bills it."""
        claims = drawn(data, self.clock.now)
        self.number += 1
        hold = f"h{self.number}"
        denied = self.store.reserve(hold, claims, ttl)
        self.same(denied, self.model.reserve(hold, claims, ttl))
        if denied is None:
            bill = tuple(data.draw(st.integers(0, claim.amount + over)) for claim in claims)
            self.attempts[hold] = Attempt(claims, bill)
            for claim, billed in zip(claims, bill, strict=True):
                self.overrun[claim.counter] += max(0, billed - claim.amount)

    @precondition(lambda self: self.attempts)
    @rule(data=st.data())
    def reserve_again(self, data: st.DataObject) -> None:
        hold = data.draw(st.sampled_from(sorted(self.attempts)))
        claims = self.attempts[hold].claims
        self.same(self.store.reserve(hold, claims, TTL), self.model.reserve(hold, claims, TTL))

    @precondition(lambda self: self.open())
    @rule(data=st.data(), lag=LAG)
    def settle(self, data: st.DataObject, lag: float) -> None:
        self.clock.now += lag
        hold = data.draw(st.sampled_from(self.open()))
        attempt = self.attempts[hold]
        settled = self.store.settle(hold, attempt.claims, attempt.bill)
        self.same(settled, self.model.settle(hold, attempt.claims, attempt.bill))
        attempt.over = attempt.settled = True
        if settled.late:
            self.before.clear()

    @precondition(lambda self: any(attempt.settled for attempt in self.attempts.values()))
    @rule(data=st.data(), actual=st.integers(0, 9))
    def settle_again(self, data: st.DataObject, actual: int) -> None:
        """Of an attempt that is settled, whatever it says."""
        hold = data.draw(st.sampled_from([hold for hold, attempt in self.attempts.items() if attempt.settled]))
        claims = self.attempts[hold].claims
        before = self.store.figures()
        settled = self.store.settle(hold, claims, [actual] * len(claims))
        self.same(settled, self.model.settle(hold, claims, [actual] * len(claims)))
        assert not settled.first
        assert self.store.figures() == before

    @rule(data=st.data())
    def settle_unknown(self, data: st.DataObject) -> None:
        """What nobody held is billed in full all the same."""
        claims = drawn(data, self.clock.now)
        self.number += 1
        hold, bill = f"h{self.number}", tuple(claim.amount for claim in claims)
        self.same(self.store.settle(hold, claims, bill), self.model.settle(hold, claims, bill))
        self.attempts[hold] = Attempt(claims, bill, over=True, settled=True)
        for claim in claims:
            self.unheld[claim.counter] += claim.amount

    @precondition(lambda self: any(not any(self.attempts[hold].bill) for hold in self.open()))
    @rule(data=st.data(), lag=LAG)
    def release(self, data: st.DataObject, lag: float) -> None:
        """Of an attempt that is known not to be billed."""
        self.clock.now += lag
        hold = data.draw(st.sampled_from([hold for hold in self.open() if not any(self.attempts[hold].bill)]))
        self.store.release(hold)
        self.model.release(hold)
        self.attempts[hold].over = True

    @rule()
    def release_unknown(self) -> None:
        self.store.release("nobody")

    @precondition(lambda self: self.open())
    @rule(data=st.data(), ttl=st.sampled_from([1.0, TTL]), lag=LAG)
    def extend(self, data: st.DataObject, ttl: float, lag: float) -> None:
        """A stream goes on: what is billed grows with what is held."""
        self.clock.now += lag
        hold = data.draw(st.sampled_from(self.open()))
        attempt = self.attempts[hold]
        more = tuple(replace(claim, amount=data.draw(st.integers(0, 4))) for claim in attempt.claims)
        denied = self.store.extend(hold, more, ttl)
        self.same(denied, self.model.extend(hold, more, ttl))
        if denied is None:
            attempt.bill = tuple(billed + claim.amount for billed, claim in zip(attempt.bill, more, strict=True))
            attempt.claims = tuple(
                replace(claim, amount=claim.amount + one.amount)
                for claim, one in zip(attempt.claims, more, strict=True)
            )

    @precondition(lambda self: self.open() and self.lends())
    @rule(data=st.data(), ttl=st.sampled_from([1.0, TTL]), lag=LAG)
    def convert(self, data: st.DataObject, ttl: float, lag: float) -> None:
        """Part of an attempt is booked, the rest stays held."""
        self.clock.now += lag
        hold = data.draw(st.sampled_from(self.open()))
        attempt = self.attempts[hold]
        spent = tuple(
            data.draw(st.integers(0, min(billed, claim.amount)))
            for billed, claim in zip(attempt.bill, attempt.claims, strict=True)
        )
        keep = [claim.amount - part for claim, part in zip(attempt.claims, spent, strict=True)]
        self.number += 1
        part = f"h{self.number}"
        store = cast("Lender", self.store)
        settled = store.convert(hold, part, attempt.claims, spent, keep, ttl)
        self.same(settled, self.model.convert(hold, part, attempt.claims, spent, keep, ttl))
        assert not store.convert(hold, part, attempt.claims, spent, keep, ttl).first
        self.attempts[part] = Attempt(attempt.claims, spent, over=True, settled=True)
        attempt.claims = tuple(
            replace(claim, amount=amount) for claim, amount in zip(attempt.claims, keep, strict=True)
        )
        attempt.bill = tuple(billed - one for billed, one in zip(attempt.bill, spent, strict=True))
        attempt.over = attempt.settled = not any(keep)
        if settled.late:
            self.before.clear()

    @rule(counter=st.sampled_from(sorted(LIMITED)), number=st.integers(1, 3))
    def refuse(self, counter: Counter, number: int) -> None:
        self.store.refuse({counter: number})
        self.model.refuse({counter: number})

    @rule(seconds=st.sampled_from([0.5, 1.0, 5.0, 12.0, 30.0]))
    def tick(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule()
    def expire(self) -> None:
        self.same(self.store.expire(), self.model.expire())

    @rule(counter=st.sampled_from(sorted(LIMITED)), limit=st.integers(0, 40))
    def raise_limit(self, counter: Counter, limit: int) -> None:
        self.store.raise_limit(counter, limit, reason="more", who="tester")
        self.model.raise_limit(counter, limit)
        self.limits[counter] = max(self.limits[counter], limit)

    @rule(part=st.integers(0, 2), limit=st.integers(0, 40) | st.none())
    def limit_of_a_rolling_window(self, part: int, limit: int | None) -> None:
        """What an operator says of it stands with the part that is the newest; also of one that is older by now."""
        claim = rolling(self.clock.now)
        counter = (claim.counter, *claim.also)[part]
        if limit is None:
            self.store.reset(counter, reason="enough", who="tester")
            self.model.reset(counter)
        else:
            self.store.raise_limit(counter, limit, reason="more", who="tester")
            self.model.raise_limit(counter, limit)

    @rule(counter=st.sampled_from(sorted(LIMITED)))
    def reset(self, counter: Counter) -> None:
        self.store.reset(counter, reason="enough", who="tester")
        self.model.reset(counter)

    @rule(counter=st.sampled_from(sorted(LIMITED)), delta=st.integers(-9, 9))
    def adjust(self, counter: Counter, delta: int) -> None:
        had = self.store.figure(counter).committed
        self.store.adjust(counter, delta, reason="invoice", who="tester")
        self.model.expire()
        self.model.adjust(counter, delta)
        now = self.store.figure(counter).committed
        assert now == max(0, had + delta)
        self.taken_off[counter] += max(0, had - now)
        self.added[counter] += max(0, now - had)
        self.before.pop(counter, None)

    @invariant()
    def holds_what_is_promised(self) -> None:
        self.store.expire()
        self.model.expire()
        figures = self.store.figures()
        self.same(figures, self.model.figures())
        assert list(self.store.gaps()) == []  # I2
        held, billed = Sums[Counter](), Sums[Counter]()
        for hold in self.store.holds():
            if hold.state == "open":
                held.update(dict(zip(hold.counters, hold.amounts, strict=True)))
                assert hold.expires > self.clock.now  # I10
        for attempt in self.attempts.values():
            for claim, amount in zip(attempt.claims, attempt.bill, strict=True):
                billed[claim.counter] += amount
        for counter, found in figures.items():
            assert found.held == held[counter]  # I2
            assert found.committed >= -self.taken_off[counter]
            known = found.committed + found.held
            if counter in self.limits:
                most = self.limits[counter] + self.overrun[counter] + self.unheld[counter]
                assert known <= most + self.added[counter]  # I1
                assert billed[counter] <= most + self.taken_off[counter]  # I7
            assert billed[counter] <= known + self.overrun[counter] + self.taken_off[counter]  # I6
            assert self.leased or found.committed >= self.before.get(counter, found.committed)  # I11
        self.before = {counter: found.committed for counter, found in figures.items()}
        self.same(summary(list(self.store.audit())), self.model.audit)

    def teardown(self) -> None:
        """Nothing is held for ever, whoever is gone."""
        self.clock.now += TTL
        assert all(found.held == 0 for found in self.store.figures().values())  # I10
        self.store.close()


def machine(factory: Factory, *, compare: bool = True, leased: bool = False) -> type[StoreMachine]:
    """The state machine of the stores that a factory makes."""
    facts = {"factory": staticmethod(factory), "compare": compare, "leased": leased}
    return type("Machine", (StoreMachine,), facts)
