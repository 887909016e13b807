"""The books of the budgets, as the service reads and changes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spanledger.budget.described import described
from spanledger.budget.listing import Row, fullest, page, row, rows
from spanledger.budget.model import Budget, plain
from spanledger.budget.store import Counter, Entry, Store, reach
from spanledger.service.tokens import Caller


@dataclass(frozen=True, slots=True)
class Changes:
    """Some entries of the audit, the latest first. `after` asks for the next page; None where this is the last one."""

    entries: tuple[Entry, ...]
    after: int | None


@dataclass(frozen=True, slots=True)
class Listed:
    """Some rows. `after` asks for the next page; None where this is the last one."""

    rows: tuple[Row, ...]
    after: tuple[int, str] | None


@dataclass(frozen=True, slots=True)
class Books:
    """A store, and the budgets that the settings name; where they name none, those that the apps wrote down in it."""

    store: Store
    configured: tuple[Budget, ...] = ()

    def reach(self) -> None:
        """Ask the store. Raises StoreError."""
        reach(self.store)

    def budgets(self) -> tuple[Budget, ...]:
        """What is budgeted. Raises StoreError."""
        return self.configured or described(self.store)

    def rows(self, caller: Caller) -> list[Row]:
        """How it stands; for one tenant's caller only what is kept for each tenant, and of that its own.

        Raises:
            StoreError: the store cannot be read.
        """
        if caller.tenant is None:
            return rows(self.budgets(), self.store)
        value = plain(caller.tenant)
        return [row for budget in self._seen(caller) for row in self.found(caller, budget.name, value, None)]

    def found(self, caller: Caller, name: str, value: str, window: str | None) -> list[Row]:
        """How one counter of a budget stands, without a look at all the others where its window is known.

        Of a rolling window any part of it means the one that holds now. Without a `window` there may be several, of a
        budget by the run. Raises StoreError.
        """
        budget = next((one for one in self._seen(caller) if one.name == name), None)
        if budget is None or not _may(caller, value):
            return []
        run = window or (value if budget.scope == ("run",) else None)
        one = None
        if budget.window.kind != "run" or run is not None:
            one = row(budget, value, run or "", self.store)
        meant = rows([budget], self.store) if one is None else [one]
        any_window = window is None or budget.window.rolling
        return [one for one in meant if one.scope_value == value and (any_window or one.window == window)]

    def fullest(self, caller: Caller, number: int) -> list[Row]:
        """The rows of each budget that need somebody first, so many of each.

        Raises:
            StoreError: the store cannot be read.
        """
        return self.rows(caller) if caller.tenant is not None else fullest(self.budgets(), self.store, number)

    def page(self, caller: Caller, after: tuple[int, str] | None, number: int) -> Listed:
        """Some rows in their order; `after` is that of the page before. Raises StoreError."""
        budget, place = after or (0, "")
        found: list[tuple[tuple[int, str], Row]] = []
        for index, one in enumerate(self._seen(caller)):
            if index >= max(budget, 0) and len(found) <= number:
                behind = place if index == budget else ""
                found += [((index, at), row) for at, row in self._behind(caller, one, behind, number + 1 - len(found))]
        shown = found[:number]
        return Listed(tuple(row for _, row in shown), shown[-1][0] if len(found) > number else None)

    def _behind(self, caller: Caller, budget: Budget, place: str, number: int) -> list[tuple[str, Row]]:
        """Of one tenant's budget only its own counters: there are few, and they are looked up by their name."""
        if caller.tenant is None:
            return page(budget, self.store, place, number)
        own = ((row.counters[0].key, row) for row in self.found(caller, budget.name, plain(caller.tenant), None))
        return [(at, row) for at, row in own if at > place][:number]

    def history(self, of: Sequence[str], *, before: int | None = None, limit: int = 100) -> Changes:
        """What was changed by hand, the latest first; `before` is that of the page before. Raises StoreError.

        `of` are the prefixes of the counters that are meant.
        """
        found = self.store.history(of, before, limit + 1)
        shown = found[:limit]
        return Changes(tuple(entry for _, entry in shown), shown[-1][0] if len(found) > limit else None)

    def changed(self, caller: Caller) -> list[str]:
        """The prefixes of the counters whose changes a caller may see. Raises StoreError."""
        whose = () if caller.tenant is None else (plain(caller.tenant),)
        return [Counter.prefix(budget.name, *whose) for budget in self._seen(caller)]

    def _seen(self, caller: Caller) -> tuple[Budget, ...]:
        budgets = self.budgets()
        return budgets if caller.tenant is None else tuple(one for one in budgets if one.scope == ("tenant",))


def _may(caller: Caller, value: str) -> bool:
    return caller.tenant is None or value == plain(caller.tenant)
