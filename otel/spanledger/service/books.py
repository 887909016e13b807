"""The books of the budgets, as the service reads and changes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from spanledger.budget.described import described
from spanledger.budget.listing import Row, row, rows
from spanledger.budget.model import Budget, plain
from spanledger.budget.store import Counter, Entry, Store
from spanledger.service.tokens import Caller


@dataclass(frozen=True, slots=True)
class Changes:
    """Some entries of the audit, the latest first. `after` asks for the next page; None where this is the last one."""

    entries: tuple[Entry, ...]
    after: int | None


@dataclass(frozen=True, slots=True)
class Books:
    """A store, and the budgets that the settings name; where they name none, those that the apps wrote down in it."""

    store: Store
    configured: tuple[Budget, ...] = ()

    def reach(self) -> None:
        """Ask the store for the least that it cannot tell without looking. Raises StoreError."""
        self.store.figure(Counter("", "", ""))

    def budgets(self) -> tuple[Budget, ...]:
        """What is budgeted. Raises StoreError."""
        return self.configured or described(self.store)

    def rows(self, caller: Caller) -> list[Row]:
        """How it stands; for one tenant's caller only what is kept for each tenant, and of that its own.

        Raises:
            StoreError: the store cannot be read.
        """
        return [row for row in rows(self._seen(caller), self.store) if _may(caller, row.scope_value)]

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

    def history(self, of: Callable[[Counter], bool], *, before: int | None = None, limit: int = 100) -> Changes:
        """What was changed by hand, the latest first; `before` is that of the page before. Raises StoreError.

        The audit only grows, so that an entry keeps its place, and pages have each of them once.
        """
        told = list(self.store.audit())
        last = len(told) if before is None else min(max(before, 0), len(told))
        own = (place for place in range(last - 1, -1, -1) if of(told[place].counter))
        places = list(islice(own, limit + 1))
        shown = tuple(told[place] for place in places[:limit])
        return Changes(shown, places[limit - 1] if len(places) > limit else None)

    def changed(self, caller: Caller) -> Callable[[Counter], bool]:
        """Which counters' changes a caller may see. Raises StoreError."""
        names = {budget.name for budget in self._seen(caller)}
        return lambda counter: counter.budget in names and _may(caller, counter.value)

    def _seen(self, caller: Caller) -> tuple[Budget, ...]:
        budgets = self.budgets()
        return budgets if caller.tenant is None else tuple(one for one in budgets if one.scope == ("tenant",))


def _may(caller: Caller, value: str) -> bool:
    return caller.tenant is None or value == plain(caller.tenant)
