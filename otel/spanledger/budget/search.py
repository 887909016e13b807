"""Some of the counters of a budget, which may have one for every user: the fullest, or the next by name.

A store that can finds them where they are kept. `chosen` finds them among all there are; every store agrees with it.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from spanledger.budget.model import Unit
from spanledger.budget.store import Counter, Figures


@dataclass(frozen=True, slots=True)
class Search:
    """Some scope values of a budget with their counters, at most `number` of them.

    `windows` are those that count now; of a budget by the run, where they are empty, every counter stands for itself.
    Without `after` they are the fullest: the halted ones first, then those of which the largest share of their limit
    is spent or held, then by name. `limit` is the configured one; of several raised ones the largest is taken. With
    `after` they are the next by name behind that place; the empty string is before the first.
    """

    budget: str
    unit: Unit
    windows: tuple[str, ...]
    limit: int | None
    number: int
    after: str | None = None

    def means(self, counter: Counter) -> bool:
        """Whether it is among those to choose from."""
        mine = counter.budget == self.budget and counter.unit == self.unit
        return mine and (not self.windows or counter.window in self.windows)

    def place(self, counter: Counter) -> str:
        """Where its scope value, or run, stands in the order by name: what its key begins with."""
        return Counter.prefix(counter.budget, counter.value) if self.windows else counter.key

    @property
    def endings(self) -> tuple[str, ...]:
        """What is behind the place in the keys of its counters."""
        nothing = Counter.prefix("", "")
        return tuple(Counter("", "", window, self.unit).key.removeprefix(nothing) for window in self.windows) or ("",)


def chosen(search: Search, found: Iterable[tuple[Counter, Figures]]) -> dict[Counter, Figures]:
    """Of all these counters those that are searched for."""
    places: defaultdict[str, dict[Counter, Figures]] = defaultdict(dict)
    for counter, figures in found:
        if search.means(counter):
            places[search.place(counter)][counter] = figures
    after = search.after
    if after is None:
        first = heapq.nsmallest(search.number, places, lambda place: (*_last(search, places[place].values()), place))
    else:
        first = heapq.nsmallest(search.number, (place for place in places if place > after))
    return {counter: figures for place in first for counter, figures in places[place].items()}


def _last(search: Search, parts: Iterable[Figures]) -> tuple[bool, float]:
    """Not halted, and how little of its limit is spent or held: what sorts the fullest first."""
    told = list(parts)
    limit = max((one.limit for one in told if one.limit is not None), default=search.limit)
    used = sum(one.committed + one.held for one in told)
    share = 0.0 if limit is None else used / limit if limit else 1.0
    return not any(one.halted for one in told), -share
