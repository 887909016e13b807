"""How long a call that was denied a hold waits: for others to give back, or for somebody to decide."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import TYPE_CHECKING

from spanledger.budget.register import Place
from spanledger.budget.standing import owner
from spanledger.budget.store import Claim, Denied, Figures, StoreError
from spanledger.errors import failed
from spanledger.guard.pausing import Asking, BudgetPause, Decision, Outcome

if TYPE_CHECKING:
    from spanledger.guard.guard import Guard

#: Seconds between two looks whether a waiting call fits now.
POLL = 0.05
#: The same for a paused call: whoever decides is no quicker.
PAUSED_POLL = 0.2


class Waiting:
    """The waiting of one attempt. `pause` is what it is paused by, once it is, and `decision` how that ended."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._began = guard.clock()
        self._asking: Asking | None = None
        self._place: Place | None = None
        self._limit = 0
        self.pause: BudgetPause | None = None
        self.decision: Decision | None = None

    def until_room(self, place: Place, claim: Claim, denied: Denied) -> Generator[float, None, bool]:
        """Wait while there is hope, yielding seconds to sleep; whether it is worth asking for the hold again.

        The store is only read, so that a call that waits is not refused all the while: it asks again once something
        has changed, because what a process has leased shows as held and may yet serve it.
        """
        patience = _patience(place, denied)
        if not patience:
            return False
        if place.budget.action == "pause" and denied.kind != "in_flight" and self.pause is None:
            self._ask(place, denied)
        before = self._standing(place)
        while self._guard.clock() - self._began < patience:
            yield PAUSED_POLL if self.pause else POLL
            answer = self._asking.answer() if self._asking else None
            if answer is not None:
                return self._decided(place, claim, answer)
            now = self._standing(place)
            if now != before or _fits(now, claim):
                return True
        return False

    def last(self, place: Place, claim: Claim) -> Claim:
        """The claim as it is made once more when nobody decided. It halts a run, so that no retry pauses again."""
        return replace(claim, sticky=True) if self.pause and place.budget.window.kind == "run" else claim

    def over(self, *, admitted: bool) -> None:
        """The attempt got its hold, or is refused for good."""
        if self._asking is None or self._place is None:
            return
        self._asking.over()
        limit = self._limit_now(self._place)
        outcome: Outcome = "none" if self._asking.answered is None else "refused"
        if admitted:
            outcome = "raised" if limit > self._limit else "room"
        self.decision = Decision(self._place, outcome, limit, self._guard.clock() - self._began)

    def _ask(self, place: Place, denied: Denied) -> None:
        self.pause, self._place, self._limit = BudgetPause.of(place, denied), place, denied.limit
        self._asking = Asking(self.pause, self._guard.on_pause)

    def _decided(self, place: Place, claim: Claim, limit: int) -> bool:
        store = self._guard.store
        if limit > self._limit_now(place) and store is not None:
            try:
                store.raise_limit(place.counter, limit, reason="decided by a callback", who=owner())
            except StoreError as error:
                failed("store", error)
        return _fits(self._standing(place), claim)

    def _limit_now(self, place: Place) -> int:
        found = self._standing(place)
        return (place.budget.limit if found is None else place.limit(found)) or 0

    def _standing(self, place: Place) -> Figures | None:
        """The figures of a place without the count of refusals; None where the store cannot be read."""
        store = self._guard.store
        try:
            return None if store is None else replace(place.figures(store), refused=0)
        except StoreError as error:
            failed("store", error)
            return None


def _fits(found: Figures | None, claim: Claim) -> bool:
    """Whether there is room by the figures; where nobody can tell, the store is asked for the hold itself."""
    if found is None:
        return True
    limit = claim.limit if found.limit is None else found.limit
    return limit is None or (not found.halted and found.committed + found.held + claim.amount <= limit)


def _patience(place: Place, denied: Denied) -> float:
    """Seconds that a denied call waits at most; none once a run is halted."""
    if denied.halted:
        return 0.0
    if place.budget.action == "pause":
        return place.budget.pause
    return place.budget.wait if denied.kind == "in_flight" else 0.0
