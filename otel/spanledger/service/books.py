"""The books of the budgets, as the service reads and changes them."""

from __future__ import annotations

from dataclasses import dataclass

from spanledger.budget.described import described
from spanledger.budget.listing import Row, rows
from spanledger.budget.model import Budget
from spanledger.budget.store import Store


@dataclass(frozen=True, slots=True)
class Books:
    """A store, and the budgets that the settings name; where they name none, those that the apps wrote down in it."""

    store: Store
    configured: tuple[Budget, ...] = ()

    def budgets(self) -> tuple[Budget, ...]:
        """What is budgeted. Raises StoreError."""
        return self.configured or described(self.store)

    def rows(self, tenant: str | None = None) -> list[Row]:
        """How it stands; for a tenant only what is kept for each tenant, and of that its own. Raises StoreError."""
        if tenant is None:
            return rows(self.budgets(), self.store)
        own = [budget for budget in self.budgets() if budget.scope == ("tenant",)]
        return [row for row in rows(own, self.store) if row.scope_value == tenant]
