"""Whether everything that a payer might call is halted, asked before there is a call."""

from __future__ import annotations

from collections.abc import Sequence

from spanledger.budget.model import BAGGAGE, Budget
from spanledger.budget.register import Place
from spanledger.budget.store import Store
from spanledger.errors import Refusal
from spanledger.guard.refusals import exhausted

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
                return exhausted(place, found, store.now())
    return None


def _whole(budget: Budget) -> bool:
    """Whether the budget counts every call of its runs."""
    dimensions = (*budget.scope, *(name for name, _ in budget.only))
    return all(name in _SHARED or name.startswith(BAGGAGE) for name in dimensions)
