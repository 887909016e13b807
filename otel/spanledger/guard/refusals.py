"""What a refusal says of the budget that refused."""

from __future__ import annotations

from spanledger.budget.model import Budget
from spanledger.budget.register import Place
from spanledger.budget.store import Denied, Figures
from spanledger.errors import Kind, Refusal

#: What stands for the name of a budget where none could be read.
UNREADABLE = "SPANLEDGER_BUDGETS"
#: Seconds after which a call may be tried again that was refused only because of others under way.
SOON = 1.0


def by_store(place: Place, denied: Denied, now: float) -> Refusal:
    """A hold was denied at `now`, in seconds since the epoch."""
    budget, retry = place.budget, None
    if denied.kind == "in_flight":
        retry = SOON
    elif denied.kind != "too_large":
        ends = budget.window.ends(now)
        retry = None if ends is None else max(0.0, ends - now)
    return Refusal(
        budget=budget.name,
        kind=denied.kind,
        window=place.counter.window,
        limit=denied.limit,
        committed=denied.committed,
        held=denied.held,
        needed=denied.needed or None,
        retry_after=retry,
        unit=budget.unit,
        scope_value=place.counter.value,
        detail=way_out(place.counter.window) if denied.halted else "",
        halted=denied.halted,
    )


def exhausted(place: Place, found: Figures, now: float) -> Refusal:
    """Nothing is left, or the run is halted, whatever a call may need."""
    limit = place.limit(found) or 0
    return by_store(place, Denied(0, "exhausted", limit, found.committed, found.held, 0, found.halted), now)


def by_rule(budget: Budget, kind: Kind, detail: str) -> Refusal:
    """The budget was not asked for a hold: the request, or the store, does not let it."""
    return Refusal(budget.name, kind, limit=budget.limit, unit=budget.unit, detail=detail)


def unreadable(problem: str) -> Refusal:
    """Budgets that were asked for cannot be read."""
    return Refusal(UNREADABLE, "misconfigured", detail=problem)


def way_out(run: str) -> str:
    """What to do about a run that is halted."""
    return f"the run is halted: spanledger budgets raise {run} --to AMOUNT"
