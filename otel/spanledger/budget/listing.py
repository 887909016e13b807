"""What stands in the books, as listings show it: one row for each budget and scope value."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from spanledger.budget.model import Budget, Unit, shown
from spanledger.budget.register import counters
from spanledger.budget.store import Counter, Figures, Store


@dataclass(frozen=True, slots=True)
class Row:
    """A budget as it stands for one scope value, in the window that holds now. Amounts are whole numbers of `unit`.

    `limit` None: it only counts. `projected` is what will have been spent at the end of the window at the rate so far;
    None where the window has no end or has hardly begun.
    """

    name: str
    scope_value: str
    window: str
    unit: Unit
    limit: int | None
    spent: int
    held: int
    refused: int
    halted: bool
    projected: int | None = None

    @property
    def remaining(self) -> int | None:
        """What is left; below 0 where more was used than held, or the limit was lowered."""
        return None if self.limit is None else self.limit - self.spent - self.held

    def as_json(self) -> dict[str, object]:
        """With money as decimal strings in USD, so that nobody reads it as a float."""
        return {
            "name": self.name,
            "scope_value": self.scope_value,
            "window": self.window,
            "unit": self.unit,
            "limit": self._shown(self.limit),
            "spent": self._shown(self.spent),
            "held": self._shown(self.held),
            "remaining": self._shown(self.remaining),
            "refused": self.refused,
            "halted": self.halted,
            "projected": self._shown(self.projected),
        }

    def _shown(self, value: int | None) -> str | int | None:
        return value if value is None or self.unit != "USD" else shown(self.unit, value)


#: A projection wants this share of its window to have passed.
ENOUGH = 0.02


def rows(budgets: Sequence[Budget], store: Store) -> list[Row]:
    """The rows of all budgets, in their order; scope values by name. `global` is there before its first call."""
    now = store.now()
    found = store.figures()
    return [row for budget in budgets for row in _of(budget, found, now)]


def _of(budget: Budget, found: dict[Counter, Figures], now: float) -> Iterable[Row]:
    mine = [counter for counter in found if counter.budget == budget.name]
    if budget.window.kind == "run":
        places = sorted({(counter.value, counter.window) for counter in mine})
    else:
        current = set(budget.window.ids(now, ""))
        values = {counter.value for counter in mine if counter.window in current}
        places = [(value, "") for value in sorted(values | (set() if budget.scope else {""}))]
    for value, run in places:
        yield _row(budget, counters(budget, value, run, now), found, now)


def _row(budget: Budget, of: tuple[Counter, ...], found: dict[Counter, Figures], now: float) -> Row:
    figures = [found.get(counter, Figures()) for counter in of]
    raised = figures[0].limit
    spent = sum(one.committed for one in figures)
    return Row(
        name=budget.name,
        scope_value=of[0].value,
        window=of[0].window,
        unit=budget.unit,
        limit=budget.limit if raised is None else raised,
        spent=spent,
        held=sum(one.held for one in figures),
        refused=sum(one.refused for one in figures),
        halted=figures[0].halted,
        projected=_projected(budget, spent, now),
    )


def _projected(budget: Budget, spent: int, now: float) -> int | None:
    began, ends = budget.window.began(now), budget.window.ends(now)
    if began is None or ends is None or budget.window.rolling:
        return None
    share = (now - began) / (ends - began)
    return round(spent / share) if share >= ENOUGH else None
