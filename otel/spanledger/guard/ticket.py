"""The holds of one call: one for every attempt, each ended exactly once."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from spanledger.bound import Bound
from spanledger.budget.model import Budget
from spanledger.budget.register import Place
from spanledger.budget.store import Claim, Counter, Denied, Store, StoreError
from spanledger.errors import Refusal, Refused, failed
from spanledger.guard import refusals
from spanledger.guard.deferred import Deferred
from spanledger.guard.waiting import Waiting
from spanledger.guard.worst import Asked, Cut
from spanledger.semconv import names
from spanledger.usage import Usage

if TYPE_CHECKING:
    from spanledger.guard.guard import Guard, Warned

_as_json = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


class Ended(NamedTuple):
    """A hold that was settled: what its counters were charged, in their units, and what that is in nano-USD."""

    hold: str
    charged: tuple[tuple[Counter, int], ...]
    nano_usd: int | None

    def attributes(self) -> dict[str, Any]:
        """As span attributes: whoever reads the span can keep the same books."""
        return {
            names.SPANLEDGER_BUDGET_HOLD: self.hold,
            names.SPANLEDGER_BUDGET_CHARGES: tuple(_as_json([*counter, amount]) for counter, amount in self.charged),
        }


class Ticket:
    """Belongs to one call, and is used by one thread at a time.

    `cut` says before the first attempt what to change in the request; `admit` takes the hold of an attempt; `failed`
    ends the hold of an attempt that brought no answer; `settle` ends the last one when what was used is known. A call
    that ends before it is known defers its hold, and the call that learns of it resumes it.
    """

    def __init__(self, guard: Guard, asked: Asked) -> None:
        self._guard = guard
        self.asked = asked
        self._hold: str | None = None
        self._places: tuple[Place, ...] = ()
        self._claims: tuple[Claim, ...] = ()
        self._asked_for = False
        #: How the attempt waited for its hold; None where it did not have to.
        self.waiting: Waiting | None = None
        #: What budgets that count money were charged for all attempts so far, in nano-USD.
        self.charged = 0
        #: The hold that was settled last; None where that was settled by nobody, or released.
        self.ended: Ended | None = None

    def cut(self, bound: Bound, *, fixed: bool = False) -> Cut:
        """What to change in the request so that it fits: a cheaper model where a budget says so, a cap on the output.

        `fixed`: another model cannot be put into the request.

        Raises:
            Refused: where a budget wants a cap of the app's own.
        """
        guard = self._guard
        if guard.store is None or guard.problem is not None or self.asked.free:
            return Cut()
        try:
            model = None if fixed else self._cheaper(bound)
            if model is not None:
                self.asked = replace(self.asked, model=model)
            places = guard.places(self.asked)
            return Cut(model, guard.estimator.cap(self.asked, bound, places, guard.store))
        except StoreError as error:
            failed("store", error)
            return Cut()  # the attempt finds out, and what is to be done about it
        except Refused as refused:
            raise self._unasked(refused.refusal) from None

    def _cheaper(self, bound: Bound) -> str | None:
        """The model to take instead, where a budget that downgrades has no room for the one asked for."""
        guard = self._guard
        for place in guard.places(self.asked):
            budget = place.budget
            if budget.action != "downgrade" or budget.downgrade_to in (None, self.asked.model) or guard.store is None:
                continue
            left = place.remaining(guard.store)
            worst = guard.estimator.worst(self.asked, bound)
            needed = worst.tokens if budget.unit == "tokens" else worst.nano_usd
            if left is not None and (needed is None or needed > left):
                return budget.downgrade_to
        return None

    def spent(self) -> Refusal | None:
        """Why not even the smallest call may be made, None where one may be."""
        guard = self._guard
        if guard.problem is not None:
            return guard.refused(refusals.unreadable(guard.problem)).refusal
        places = [place for place in guard.places(self.asked) if place.budget.hard]
        try:
            refusal = self._nothing_left(places)
        except StoreError as error:
            refusal = self._closed(places, error)
            return None if refusal is None else guard.refused(refusal).refusal
        return None if refusal is None else self._unasked(refusal).refusal

    def _nothing_left(self, places: Sequence[Place]) -> Refusal | None:
        store = self._store(self._guard.store)
        for place in places:
            found = place.figures(store)
            if found.halted or found.committed >= (place.limit(found) or 0):
                return refusals.exhausted(place, found, store.now())
        return None

    def admit(self, *bounds: Bound) -> Iterator[float]:
        """Take the hold of an attempt; yields the seconds to sleep for as long as a budget says to wait.

        `bounds` are the worst cases of the requests in it: one, but for batches.

        Raises:
            Refused: there is no room, and waiting was of no use or not asked for.
        """
        guard, self.waiting = self._guard, None
        if guard.problem is not None:
            raise guard.refused(refusals.unreadable(guard.problem))
        places = guard.places(self.asked)
        if not places:
            return
        if (broken := guard.estimator.broken) and any(place.budget.hard for place in places):
            raise guard.refused(Refusal("SPANLEDGER_PRICES", "misconfigured", detail=broken))
        try:
            amounts = guard.estimator.amounts(self.asked, bounds, places)
        except Refused as refused:
            raise self._unasked(refused.refusal) from None
        claims = tuple(place.claim(amount) for place, amount in zip(places, amounts, strict=True))
        store = guard.centre if any(bound.lasting for bound in bounds) else guard.store
        if (denied := self._reserve(places, claims, store)) is not None:
            yield from self._wait(places, claims, denied, store)

    def _wait(
        self, places: tuple[Place, ...], claims: tuple[Claim, ...], first: Denied, store: Store | None
    ) -> Iterator[float]:
        """The attempt was denied its hold: wait for it, as long as a budget says."""
        self.waiting = waiting = Waiting(self._guard)
        denied: Denied | None = first
        try:
            while denied is not None:
                place, claim = places[denied.index], claims[denied.index]
                hope = yield from waiting.until_room(place, claim, denied)
                last = claim if hope else waiting.last(place, claim)
                if hope or last != claim:
                    asked = (*claims[: denied.index], last, *claims[denied.index + 1 :])
                    denied = self._reserve(places, asked, store)
                if not hope:
                    break
        finally:
            waiting.over(admitted=denied is None)
        if denied is not None:
            now = self._store(store).now()
            raise self._guard.refused(refusals.by_store(places[denied.index], denied, now))

    def _reserve(self, places: tuple[Place, ...], claims: tuple[Claim, ...], store: Store | None) -> Denied | None:
        hold = uuid.uuid4().hex
        guard = self._guard
        guard.catch_up()
        try:
            denied = self._store(store).reserve(hold, claims, guard.ttl)
        except StoreError as error:
            if (refusal := self._closed(places, error)) is not None:
                raise guard.refused(refusal) from None
            denied = None  # it goes without a hold, and is charged when the store is back
        if denied is None:
            self._has(hold, places, claims)
        return denied

    def _unasked(self, refusal: Refusal) -> Refused:
        """Count a refusal that the store was not asked for, and tell everybody; returns what is to be raised."""
        guard = self._guard
        try:
            refused = {place.counter: 1 for place in guard.places(self.asked) if place.budget.name == refusal.budget}
            if guard.store is not None:
                guard.store.refuse(refused)
        except StoreError as error:
            failed("store", error)
        return guard.refused(refusal)

    def _has(self, hold: str, places: tuple[Place, ...], claims: tuple[Claim, ...]) -> None:
        self._hold, self._places, self._claims, self._asked_for = hold, places, claims, True

    @staticmethod
    def _store(store: Store | None) -> Store:
        if store is None:
            raise StoreError("the store could not be opened")
        return store

    @staticmethod
    def _closed(places: Sequence[Place], error: StoreError) -> Refusal | None:
        """The refusal of the first hard budget that lets no call through without its store; None where all do."""
        failed("store", error)
        closed = next((p.budget for p in places if p.budget.hard and p.budget.on_store_error == "closed"), None)
        if closed is None:
            return None
        return refusals.by_rule(
            closed, "store_unavailable", f"{error}; see SPANLEDGER_STORE, or set on_store_error: open"
        )

    def failed(self, *, billed: bool) -> None:
        """The attempt brought no answer. `billed` unless it is known that nobody is charged for it."""
        self._end(tuple(claim.amount for claim in self._claims) if billed else None)

    def defer(self, ttl: float) -> Deferred | None:
        """Let the hold live on for `ttl` seconds when the call ends; None where there is none.

        What no longer fits (its budget was halted meanwhile) lives as long as any hold, and is charged then.
        """
        hold, self._hold = self._hold, None
        if hold is None or self._guard.centre is None:
            return None
        try:
            self._guard.centre.extend(hold, tuple(replace(claim, amount=0) for claim in self._claims), ttl)
        except StoreError as error:
            failed("store", error)
        return Deferred.by(hold, self._places, tuple(claim.amount for claim in self._claims))

    def resume(self, deferred: Deferred) -> None:
        """Take over the hold of a call that ended before it was known what it used."""
        places = deferred.places(self._guard.register.budgets)
        claims = tuple(place.claim(part.amount) for place, part in zip(places, deferred.parts, strict=True))
        self._has(deferred.hold, places, claims)

    def settle(
        self, usage: Usage | None, nano_usd: int | None, calls: int = 1, *, partial: bool = False
    ) -> list[Warned]:
        """The call is over. What is not known is charged as it was held; an estimate is never charged above that.

        What came without asking (the results of a batch of another process, work that the provider began by itself) is
        charged as it is. `calls` is the number of requests, 1 but for batches. `partial`: the cost leaves out what has
        no known price, so the call is charged as it was held unless the known part is more.

        Returns:
            The warnings that became due.
        """
        unasked = self._hold is None
        if unasked and (self._asked_for or usage is None):
            self.ended = None
            return []
        if unasked:  # under an id that the store does not know: it charges what it is told
            places = self._guard.places(self.asked)
            self._has(uuid.uuid4().hex, places, tuple(place.claim(0) for place in places))
        return self._end(
            tuple(
                calls
                if place.budget.unit == "calls"
                else _actual(place.budget, None if unasked else claim.amount, usage, nano_usd, partial=partial)
                for place, claim in zip(self._places, self._claims, strict=True)
            )
        )

    def _end(self, actual: tuple[int, ...] | None) -> list[Warned]:
        hold, self._hold = self._hold, None
        self.ended = None
        if hold is None or not self._claims:
            return []
        if actual is not None:
            paid = [amount for place, amount in zip(self._places, actual, strict=True) if place.budget.unit == "USD"]
            self.charged += paid[0] if paid else 0
            counters = (claim.counter for claim in self._claims)
            self.ended = Ended(hold, tuple(zip(counters, actual, strict=True)), paid[0] if paid else None)
        return self._guard.settle(hold, self._claims, actual)


def _actual(budget: Budget, held: int | None, usage: Usage | None, nano_usd: int | None, *, partial: bool) -> int:
    """What a budget of money or tokens is charged; `held` is None for a call that never asked."""
    found = None
    given_up = usage is not None and usage.estimated and held is not None
    if usage is not None and not (given_up and (usage.suspect or budget.abandoned == "hold")):
        found = usage.total if budget.unit == "tokens" else nano_usd
    if found is None:
        return held or 0
    if partial and budget.unit == "USD":
        found = max(found, held or 0)
    return min(found, held) if usage is not None and usage.estimated and held is not None else found
