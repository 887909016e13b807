"""How the money of a budget went, and where that leads: what was left of it at each step of its window.

The steps are told by the call ledger, of which the rollups answer where they know what the budget is kept by, else the
charges of single calls. The last word has the budget itself: what it counted by now.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate

from sqlalchemy import ColumnElement, Connection, func, select

from spanledger.budget.model import Budget
from spanledger.ledger.filters import ALL, Filter, Window
from spanledger.ledger.schema import calls, charges
from spanledger.money import NANO
from spanledger.scope import UNATTRIBUTED
from spanledger.service.web.budgets import Standing
from spanledger.service.web.series import Point, series, step_at, step_of

#: Scopes that rollups know.
_ROLLED = frozenset({"service", "stage", "model", "tenant"})
#: What of a step counts against a limit.
_COUNTED = {"USD": "cost", "tokens": "tokens", "calls": "requests"}
#: Days that are shown of a budget without an end.
_LAST = 30


@dataclass(frozen=True, slots=True)
class Burn:
    """What was spent at the end of each step (seconds since the epoch), in the unit of the budget.

    `told` is the sum of the steps. `ends` is when the window does, None: never. `whole` says that the steps begin with
    the window, so that they are all of what was spent.
    """

    steps: tuple[tuple[float, int], ...]
    told: int
    ends: float | None
    whole: bool


def burn(connection: Connection, standing: Standing, now: float) -> Burn | None:
    """Of one counter in the window that holds now; None where nothing can be told yet."""
    row, budget = standing.row, standing.budget
    if budget.window.kind == "run":
        found = _span(connection, standing)
        window = found and Window.of(found[0], found[1] + 1)
    else:
        began = budget.window.began(now)
        window = Window.of(now - _LAST * 86_400 if began is None else began, now)
    if window is None:
        return None
    step = step_of(window)
    only = filter_of(budget, row.scope_value)
    sums = (
        _charged(connection, standing, window) if only is None else _counted(series(connection, window, only), row.unit)
    )
    found_steps = list(sums)
    spent = list(accumulate(amount for _, amount in found_steps))
    ended = (min(at + step, now) for at, _ in found_steps)
    steps = ((float(window.since), 0), *zip(ended, spent, strict=True))
    return Burn(steps, spent[-1] if spent else 0, budget.window.ends(now), budget.window.kind != "total")


def filter_of(budget: Budget, value: str) -> Filter | None:
    """The calls that count in a counter, where rollups know them."""
    if budget.only or len(budget.scope) > 1 or not set(budget.scope) <= _ROLLED:
        return None
    if not budget.scope:
        return ALL
    return Filter(**{budget.scope[0]: "" if value == UNATTRIBUTED else value})


def _counted(points: Iterable[Point], unit: str) -> Iterable[tuple[int, int]]:
    return ((point.at, getattr(point, _COUNTED[unit])) for point in points)


def _charged(connection: Connection, standing: Standing, window: Window) -> Iterable[tuple[int, int]]:
    step = step_of(window)
    at = step_at(step)
    inside = (calls.c.started >= window.since * NANO, calls.c.started < window.until * NANO)
    wanted = select(at, func.sum(charges.c.amount)).join(calls, calls.c.id == charges.c.call)
    rows = connection.execute(wanted.where(*_of(standing), *inside).group_by(at))
    found = {int(began): int(amount) for began, amount in rows}
    return ((began, found.get(began, 0)) for began in range(window.since - window.since % step, window.until, step))


def _span(connection: Connection, standing: Standing) -> tuple[float, float] | None:
    """From the first to the last call of a counter."""
    ends = select(func.min(calls.c.started), func.max(calls.c.ended)).join(charges, charges.c.call == calls.c.id)
    first, last = connection.execute(ends.where(*_of(standing))).one()
    return None if first is None else (first / NANO, last / NANO)


def _of(standing: Standing) -> tuple[ColumnElement[bool], ...]:
    row, of = standing.row, charges.c
    own = (of.budget == row.name, of.scope_value == row.scope_value, of.unit == row.unit)
    return (*own, of.window == row.window) if standing.budget.window.kind == "run" else own
