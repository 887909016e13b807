"""The holds of one call: one for every attempt, each ended exactly once."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from spanledger.bound import Bound
from spanledger.budget.register import Place
from spanledger.budget.store import Claim, Denied, StoreError
from spanledger.errors import Refusal, Refused, failed
from spanledger.guard.halts import way_out
from spanledger.guard.waiting import Waiting
from spanledger.guard.worst import Asked, Cut, figures, remaining
from spanledger.usage import Usage

if TYPE_CHECKING:
    from spanledger.guard.guard import Guard, Warned

#: Seconds after which a call may be tried again that was refused only because of others under way.
SOON = 1.0


class Ticket:
    """Belongs to one call, and is used by one thread at a time.

    `cut` says before the first attempt what to change in the request; `admit` takes the hold of an attempt; `failed`
    ends the hold of an attempt that brought no answer; `settle` ends the last one when what was used is known.
    """

    def __init__(self, guard: Guard, asked: Asked) -> None:
        self._guard = guard
        self.asked = asked
        self._hold: str | None = None
        self._places: tuple[Place, ...] = ()
        self._claims: tuple[Claim, ...] = ()
        #: How the attempt waited for its hold; None where it did not have to.
        self.waiting: Waiting | None = None
        #: What budgets that count money were charged for all attempts so far, in nano-USD.
        self.charged = 0

    def cut(self, bound: Bound) -> Cut:
        """What to change in the request so that it fits: a cheaper model where a budget says so, a cap on the output.

        Raises:
            Refused: where a budget wants a cap of the app's own.
        """
        guard = self._guard
        if guard.store is None or guard.problem is not None or self.asked.free:
            return Cut()
        try:
            model = self._cheaper(bound)
            if model is not None:
                self.asked = replace(self.asked, model=model)
            places = guard.places(self.asked)
            return Cut(model, guard.estimator.cap(self.asked, bound, places, guard.store))
        except StoreError as error:
            failed("store", error)
            return Cut()  # the attempt finds out, and what is to be done about it
        except Refused as refused:
            raise guard.refused(refused.refusal) from None

    def _cheaper(self, bound: Bound) -> str | None:
        """The model to take instead, where a budget that downgrades has no room for the one asked for."""
        guard = self._guard
        for place in guard.places(self.asked):
            budget = place.budget
            if budget.action != "downgrade" or budget.downgrade_to in (None, self.asked.model) or guard.store is None:
                continue
            left = remaining(place, guard.store)
            worst = guard.estimator.worst(self.asked, bound)
            needed = worst.tokens if budget.unit == "tokens" else worst.nano_usd
            if left is not None and (needed is None or needed > left):
                return budget.downgrade_to
        return None

    def spent(self) -> Refusal | None:
        """The refusal of a hard budget that has nothing left, None where all have."""
        guard, store = self._guard, self._guard.store
        if guard.problem is not None:
            return guard.refused(Refusal("SPANLEDGER_BUDGETS", "misconfigured", detail=guard.problem)).refusal
        if store is None:
            return None
        try:
            for place in guard.places(self.asked):
                found = figures(place, store)
                limit = place.budget.limit if found.limit is None else found.limit
                if place.budget.hard and limit is not None and (found.halted or found.committed >= limit):
                    denied = Denied(0, "exhausted", limit, found.committed, found.held, 0, found.halted)
                    return guard.refused(self._refusal(place, denied)).refusal
        except StoreError as error:
            failed("store", error)
        return None

    def admit(self, bound: Bound) -> Iterator[float]:
        """Take the hold of an attempt; yields the seconds to sleep for as long as a budget says to wait.

        Raises:
            Refused: there is no room, and waiting was of no use or not asked for.
        """
        guard, self.waiting = self._guard, None
        if guard.problem is not None:
            raise guard.refused(Refusal("SPANLEDGER_BUDGETS", "misconfigured", detail=guard.problem))
        places = guard.places(self.asked)
        if not places:
            return
        if (broken := guard.estimator.broken) and any(place.budget.hard for place in places):
            raise guard.refused(Refusal("SPANLEDGER_PRICES", "misconfigured", detail=broken))
        try:
            amounts = guard.estimator.amounts(self.asked, bound, places)
        except Refused as refused:
            raise guard.refused(refused.refusal) from None
        claims = tuple(place.claim(amount) for place, amount in zip(places, amounts, strict=True))
        if (denied := self._reserve(places, claims)) is not None:
            yield from self._wait(places, claims, denied)

    def _wait(self, places: tuple[Place, ...], claims: tuple[Claim, ...], first: Denied) -> Iterator[float]:
        """The attempt was denied its hold: wait for it, as long as a budget says."""
        self.waiting = waiting = Waiting(self._guard)
        denied: Denied | None = first
        try:
            while denied is not None:
                place, claim = places[denied.index], claims[denied.index]
                hope = yield from waiting.until_room(place, claim, denied)
                last = claim if hope else waiting.last(place, claim)
                if hope or last != claim:
                    denied = self._reserve(places, (*claims[: denied.index], last, *claims[denied.index + 1 :]))
                if not hope:
                    break
        finally:
            waiting.over(admitted=denied is None)
        if denied is not None:
            raise self._guard.refused(self._refusal(places[denied.index], denied))

    def _reserve(self, places: tuple[Place, ...], claims: tuple[Claim, ...]) -> Denied | None:
        hold = uuid.uuid4().hex
        guard = self._guard
        guard.catch_up()
        try:
            if guard.store is None:
                raise StoreError("the store could not be opened")
            denied = guard.store.reserve(hold, claims, guard.ttl)
        except StoreError as error:
            self._without_store(places, error)
            denied = None
        if denied is None:
            self._hold, self._places, self._claims = hold, places, claims
        return denied

    def _without_store(self, places: tuple[Place, ...], error: StoreError) -> None:
        """A call goes on without a hold where every hard budget says so; it is charged when the store is back."""
        failed("store", error)
        closed = next((p.budget for p in places if p.budget.hard and p.budget.on_store_error == "closed"), None)
        if closed is not None:
            detail = f"{error}; see SPANLEDGER_STORE, or set on_store_error: open"
            raise self._guard.refused(
                Refusal(closed.name, "store_unavailable", limit=closed.limit, unit=closed.unit, detail=detail)
            )

    def _refusal(self, place: Place, denied: Denied) -> Refusal:
        budget, retry = place.budget, None
        if denied.kind == "in_flight":
            retry = SOON
        elif denied.kind != "too_large" and self._guard.store is not None:
            now = self._guard.store.now()
            ends = budget.window.ends(now)
            retry = None if ends is None else max(0.0, ends - now)
        return Refusal(
            budget=budget.name,
            kind=denied.kind,
            window=place.counter.window,
            limit=denied.limit,
            committed=denied.committed,
            held=denied.held,
            needed=denied.needed,
            retry_after=retry,
            unit=budget.unit,
            scope_value=place.counter.value,
            detail=way_out(place.counter.window) if denied.halted else "",
            halted=denied.halted,
        )

    def failed(self, *, billed: bool) -> None:
        """The attempt brought no answer. `billed` unless it is known that nobody is charged for it."""
        if self._hold is not None:
            self._end(tuple(claim.amount for claim in self._claims) if billed else None)

    def settle(self, usage: Usage | None, nano_usd: int | None) -> list[Warned]:
        """The call is over. What is not known is charged as it was held; an estimate is never charged above that.

        Returns:
            The warnings that became due.
        """
        if self._hold is None:
            return []
        return self._end(
            tuple(
                self._actual(place, claim.amount, usage, nano_usd)
                for place, claim in zip(self._places, self._claims, strict=True)
            )
        )

    def _actual(self, place: Place, held: int, usage: Usage | None, nano_usd: int | None) -> int:
        budget = place.budget
        if budget.unit == "calls":
            return 1
        if usage is None or (usage.estimated and (usage.suspect or budget.abandoned == "hold")):
            return held  # suspect: what the provider told is more than the model can use
        found = usage.total if budget.unit == "tokens" else nano_usd
        if found is None:
            return held
        return min(found, held) if usage.estimated else found

    def _end(self, actual: tuple[int, ...] | None) -> list[Warned]:
        hold, self._hold = self._hold, None
        if hold is None:
            return []
        for place, amount in zip(self._places, actual or (), strict=False):
            if place.budget.unit == "USD":
                self.charged += amount
                break
        return self._guard.settle(hold, self._claims, actual)
