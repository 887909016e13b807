"""Which budgets a call counts in, and which of their counters it is charged to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spanledger.budget.model import BAGGAGE, Budget, Subject
from spanledger.budget.store import Claim, Counter, Figures, Store, together

#: How many subjects are kept; then all are looked up anew.
KEPT = 4_096
#: No larger amount is held; all stores add up such as these without loss, and it is more than anybody's limit.
MOST = 2**53


@dataclass(frozen=True, slots=True)
class Place:
    """A budget that a call counts in, with the counter it is charged to and those that count towards the limit."""

    budget: Budget
    counter: Counter
    also: tuple[Counter, ...] = ()

    @property
    def sticky(self) -> bool:
        """Whether a refusal that waiting cannot cure halts the run."""
        return self.budget.window.kind == "run" and self.budget.action == "halt"

    def claim(self, amount: int) -> Claim:
        """What an attempt asks here."""
        budget = self.budget
        limit = budget.limit if budget.hard else None
        return Claim(self.counter, min(amount, MOST), limit, budget.thresholds, self.also, self.sticky)

    def figures(self, store: Store) -> Figures:
        """What stands here, the parts of a rolling window together.

        Raises:
            StoreError: the store cannot be read.
        """
        return together([store.figure(counter) for counter in (self.counter, *self.also)])

    def limit(self, found: Figures) -> int | None:
        """The limit that holds: the one raised in the store, else the configured one; None where there is none."""
        return self.budget.limit if found.limit is None else found.limit

    def remaining(self, store: Store) -> int | None:
        """What is left; None where there is no limit.

        Raises:
            StoreError: the store cannot be read.
        """
        found = self.figures(store)
        limit = self.limit(found)
        return None if limit is None else limit - found.committed - found.held


def counters(budget: Budget, value: str, run: str, now: float) -> tuple[Counter, ...]:
    """The counter of a scope value at a moment, then the others that count towards the same limit."""
    return tuple(Counter(budget.name, value, window, budget.unit) for window in budget.window.ids(now, run))


class Register:
    """The budgets of a process. What a subject counts in is kept until the first of its windows ends."""

    def __init__(self, budgets: Sequence[Budget]) -> None:
        self.budgets = tuple(budgets)
        self.reads_baggage = any(
            dimension.startswith(BAGGAGE)
            for budget in budgets
            for dimension in (*budget.scope, *(name for name, _ in budget.only))
        )
        self._known: dict[Subject, tuple[float, float, tuple[Place, ...]]] = {}

    def places(self, subject: Subject, now: float) -> tuple[Place, ...]:
        """Where a call of this subject counts at `now`, seconds since the epoch."""
        known = self._known.get(subject)
        if known is not None and known[0] <= now < known[1] and not self.reads_baggage:
            return known[2]  # where the clock was set back, the window may be an earlier one
        found = tuple(self._place(budget, subject, now) for budget in self.budgets if budget.applies(subject))
        until = min((end for b in self.budgets if (end := b.window.ends(now)) is not None), default=float("inf"))
        if len(self._known) >= KEPT:
            self._known.clear()
        self._known[subject] = (now, until, found)
        return found

    @staticmethod
    def _place(budget: Budget, subject: Subject, now: float) -> Place:
        first, *others = counters(budget, budget.value(subject), subject.value("run"), now)
        return Place(budget, first, tuple(others))
