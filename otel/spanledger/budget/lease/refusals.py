"""Refusals without asking: what the centre refused a moment ago for good it refuses again.

So that an app that spins on a spent budget costs microseconds and does not keep others from the store. Every refusal is
counted, here at first. Whoever uses it holds a lock.
"""

from __future__ import annotations

from collections import Counter as Sums
from collections.abc import Callable, Sequence
from typing import NamedTuple

from spanledger.budget.judging import judged, worst
from spanledger.budget.store import Claim, Counter, Denied, Figures, Store, together

#: Seconds that a refusal is repeated without asking again: a limit that is raised elsewhere is seen after so long.
FRESH = 0.25


class Known(NamedTuple):
    """The figures of a counter, with those of `also`, until a moment in uptime."""

    figures: Figures
    also: tuple[Counter, ...]
    until: float


class Refusals:
    """What is known of counters that refused, and how many refusals the centre has not been told of."""

    def __init__(self, uptime: Callable[[], float]) -> None:
        self._uptime = uptime
        self.begin()

    def begin(self) -> None:
        """With nothing: at first, and in a forked child."""
        self._known: dict[Counter, Known] = {}
        self.counts: Sums[Counter] = Sums()

    def answer(self, claims: Sequence[Claim]) -> Denied | None:
        """A refusal that waiting does not cure, counted; None where the centre has to be asked."""
        if not self._known:
            return None
        now, known = self._uptime(), self._known
        found = []
        for index, claim in enumerate(claims):
            one = known.get(claim.counter)
            if one is not None and now < one.until and one.also == claim.also:
                figures = one.figures
                denied = judged(index, claim, figures.committed, figures.held, figures.limit, figures.halted)
                if denied is not None:
                    if denied.halted and not figures.halted:
                        return None  # the centre has to halt it
                    found.append(denied)
        answer = worst(found)
        if answer is None or answer.kind == "in_flight":
            return None
        for denied in found:
            self.counts[claims[denied.index].counter] += 1
        return answer

    def learn(self, claims: Sequence[Claim], centre: Store) -> None:
        """Remember how the counters of a call stand that was refused. Raises StoreError."""
        until = self._uptime() + FRESH
        found = {}
        for claim in claims:
            figures = together([centre.figure(counter) for counter in (claim.counter, *claim.also)])
            found[claim.counter] = Known(figures, claim.also, until)
        self._known = {c: one for c, one in self._known.items() if one.until > until - FRESH} | found

    def forget(self) -> None:
        """Something has changed: ask again."""
        if self._known:
            self._known = {}

    def take(self) -> dict[Counter, int]:
        """How many refusals the centre is going to be told of now."""
        counts, self.counts = dict(self.counts), Sums()
        return counts
