"""How budgets stand, for the pages: each with a word on how it does, the ones that need somebody first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from spanledger.budget.listing import Row
from spanledger.budget.model import Budget
from spanledger.service.books import Books
from spanledger.service.tokens import Caller

#: A share of a limit from which a budget is nearly spent.
NEARLY = 0.8
Tone = Literal["ok", "warn", "over"]


@dataclass(frozen=True, slots=True)
class Standing:
    """One counter of a budget as it stands."""

    row: Row
    budget: Budget

    @property
    def used(self) -> float:
        """The share of the limit that is spent or held; 0 without a limit."""
        if self.row.limit is None:
            return 0.0
        return (self.row.spent + self.row.held) / self.row.limit if self.row.limit else 1.0

    @property
    def word(self) -> str:
        """How it does."""
        return self._told[0]

    @property
    def tone(self) -> Tone:
        """How that is meant."""
        return self._told[1]

    @property
    def _told(self) -> tuple[str, Tone]:
        row, limit = self.row, self.row.limit
        if row.halted:
            return "halted", "over"
        if limit is None:
            return "no limit", "ok"
        if row.spent >= limit:
            return ("spent" if self.budget.hard else "over its limit"), "over"
        alarms = {
            "warned": any(row.spent >= amount for amount in self.budget.thresholds),
            "nearly spent": self.used >= NEARLY,
            "will not last": row.projected is not None and row.projected > limit,
        }
        word = next((word for word, due in alarms.items() if due), None)
        return (word, "warn") if word else ("ok", "ok")


def standings(books: Books, caller: Caller, number: int) -> tuple[list[Standing], bool]:
    """So many of those that the caller may see, and whether there are more: halted ones first, then the fullest.

    Raises:
        StoreError: the store cannot be read.
    """
    named = {budget.name: budget for budget in books.budgets()}
    found = [Standing(row, named[row.name]) for row in books.fullest(caller, number + 1) if row.name in named]
    found.sort(key=lambda one: (not one.row.halted, -one.used, one.row.name, one.row.scope_value))
    return found[:number], len(found) > number


def standing(books: Books, caller: Caller, name: str, value: str, window: str | None) -> Standing | None:
    """One of them; None where there is none such. Raises StoreError."""
    found = books.found(caller, name, value, window)
    budget = next((one for one in books.budgets() if one.name == name), None)
    return Standing(found[0], budget) if found and budget else None
