"""Whether everything that a payer might call is halted, asked before there is a call."""

from __future__ import annotations

from collections.abc import Sequence

from spanledger.budget.model import BAGGAGE, Budget
from spanledger.budget.register import Place
from spanledger.budget.store import Figures, Store
from spanledger.errors import Refusal

#: Dimensions that a call shares with whatever else its run calls.
_SHARED = frozenset({"service", "tenant", "user", "session", "run"})


def halted(places: Sequence[Place], store: Store) -> Refusal | None:
    """The halt that no call with these places passes, whatever its model and stage; None where there is none.

    Raises:
        StoreError: nobody can tell.
    """
    for place in places:
        if place.budget.hard and place.budget.window.kind == "run" and _whole(place.budget):
            found = store.figure(place.counter)
            if found.halted:
                return _refusal(place, found)
    return None


def _whole(budget: Budget) -> bool:
    """Whether the budget counts every call of its runs."""
    dimensions = (*budget.scope, *(name for name, _ in budget.only))
    return all(name in _SHARED or name.startswith(BAGGAGE) for name in dimensions)


def _refusal(place: Place, found: Figures) -> Refusal:
    budget, counter = place.budget, place.counter
    return Refusal(
        budget=budget.name,
        kind="exhausted",
        window=counter.window,
        limit=budget.limit if found.limit is None else found.limit,
        committed=found.committed,
        held=found.held,
        unit=budget.unit,
        scope_value=counter.value,
        detail=way_out(counter.window),
        halted=True,
    )


def way_out(run: str) -> str:
    """What to do about a run that is halted."""
    return f"the run is halted: spanledger budgets raise {run} --to AMOUNT"
