"""One model of a price table as it is kept: the names it goes by and its prices over time, not yet rates."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time
from typing import Literal

#: What one kind of token or unit costs: (threshold of total input, pico-USD), ascending; the first threshold is -1.
Ladder = tuple[tuple[int, int], ...]

#: The prices that a table names at one moment, by field of `Rates` or kind of `fees`.
Named = Mapping[str, Ladder]

How = Literal["equals", "starts_with", "ends_with", "contains", "regex", "or", "and"]

_TAKES: Mapping[str, Callable[[str, str], bool]] = {
    "equals": str.__eq__,
    "starts_with": str.startswith,
    "ends_with": str.endswith,
    "contains": str.__contains__,
    "regex": lambda name, expression: re.search(expression, name) is not None,
}


@dataclass(frozen=True, slots=True)
class Match:
    """A pattern of names: a text or an expression, or an `or` / `and` of patterns."""

    how: How
    text: str = ""
    parts: tuple[Match, ...] = ()

    def takes(self, name: str) -> bool:
        """Whether a name in lower case fits."""
        if self.parts:
            return (any if self.how == "or" else all)(part.takes(name) for part in self.parts)
        return _TAKES[self.how](name, self.text)

    def leaves(self) -> Iterator[Match]:
        """The patterns that are not made of others."""
        if not self.parts:
            yield self
        for part in self.parts:
            yield from part.leaves()


@dataclass(frozen=True, slots=True)
class Entry:
    """One model of a provider.

    `days` and `hours` (UTC) are where a price changes, and `tiers` has for each tier one row of prices per stretch
    between them, ordered as `Tariff.rates` is; tiers that are left out cost what "" costs. `free` says that the table
    states in words that the model costs nothing. `window` is the context window in tokens, as the table rounds it.
    """

    id: str
    match: Match
    tiers: Mapping[str, tuple[Named, ...]]
    days: tuple[date, ...] = ()
    hours: tuple[time, ...] = ()
    free: bool = False
    window: int | None = None

    def rows(self, tier: str) -> tuple[Named, ...]:
        """Prices by stretch of time in a tier."""
        return self.tiers.get(tier) or self.tiers[""]


@dataclass(frozen=True, slots=True)
class Shop:
    """The models of one provider. `lenders` are the providers whose models it resells at their price."""

    id: str
    entries: tuple[Entry, ...]
    lenders: tuple[str, ...] = ()

    def search_fee(self) -> int:
        """The dearest fee for a web search with any of the models, in pico-USD; 0 if none has one."""
        ladders = (row.get("web_search", ()) for entry in self.entries for row in entry.tiers[""])
        return max((fee for ladder in ladders for _, fee in ladder), default=0)
