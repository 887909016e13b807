"""The books of the budgets, as the service reads and changes them."""

from __future__ import annotations

from dataclasses import dataclass

from spanledger.budget.described import described
from spanledger.budget.listing import Row, rows
from spanledger.budget.model import Budget, plain
from spanledger.budget.store import Counter, Entry, Store
from spanledger.service.tokens import Caller


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
        if caller.tenant is None:
            return rows(self.budgets(), self.store)
        own = [budget for budget in self.budgets() if budget.scope == ("tenant",)]
        return [row for row in rows(own, self.store) if row.scope_value == plain(caller.tenant)]

    def history(self, counters: set[Counter]) -> list[Entry]:
        """What was changed by hand, the latest first. Raises StoreError."""
        return [entry for entry in self.store.audit() if entry.counter in counters][::-1]
