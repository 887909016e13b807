"""How the money of a budget went, and where that leads: what was left of it at each step of its window.

The steps are told by the call ledger, of which the rollups answer where they know what the budget is kept by, else the
charges of single calls. The last word has the budget itself: what it counted by now.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate

from sqlalchemy import ColumnElement, Connection, func, select

from spanledger.budget.model import Budget, plain
from spanledger.ledger.questions.filters import ALL, Filter, Window
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


#: Charges that are read of a budget that rollups do not know; more are not drawn.
MOST = 50_000


class TooManyError(Exception):
    """More charges stand behind a budget than are read for one page."""


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
    """Of one counter in the window that holds now; None where nothing can be told yet. Raises TooManyError."""
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


def value_of(budget: Budget, only: Filter) -> str | None:
    """The value of the counter in which the calls of a filter count, these and no others; None where there is none."""
    said = "" if not budget.scope else getattr(only, budget.scope[0], None)
    if said is None:
        return None
    value = plain(said) if said or not budget.scope else UNATTRIBUTED
    return value if filter_of(budget, value) == only else None


def _counted(points: Iterable[Point], unit: str) -> Iterable[tuple[int, int]]:
    return ((point.at, getattr(point, _COUNTED[unit])) for point in points)


def _charged(connection: Connection, standing: Standing, window: Window) -> Iterable[tuple[int, int]]:
    step = step_of(window)
    at = step_at(step)
    inside = (calls.c.started >= window.since * NANO, calls.c.started < window.until * NANO)
    wanted = select(at.label("at"), charges.c.amount).join(calls, calls.c.id == charges.c.call)
    some = wanted.where(*_of(standing), *inside).limit(MOST + 1).subquery()
    rows = connection.execute(select(some.c.at, func.sum(some.c.amount), func.count()).group_by(some.c.at)).all()
    if sum(number for _, _, number in rows) > MOST:
        raise TooManyError
    found = {int(began): int(amount) for began, amount, _ in rows}
    return ((began, found.get(began, 0)) for began in range(window.since - window.since % step, window.until, step))


def _span(connection: Connection, standing: Standing) -> tuple[float, float] | None:
    """From the first to the last call of a counter."""
    own = select(calls.c.started, calls.c.ended).join(charges, charges.c.call == calls.c.id)
    some = own.where(*_of(standing)).limit(MOST + 1).subquery()
    ends = select(func.min(some.c.started), func.max(some.c.ended), func.count()).select_from(some)
    first, last, number = connection.execute(ends).one()
    if number > MOST:
        raise TooManyError
    return None if first is None else (first / NANO, last / NANO)


def _of(standing: Standing) -> tuple[ColumnElement[bool], ...]:
    row, of = standing.row, charges.c
    own = (of.budget == row.name, of.scope_value == row.scope_value, of.unit == row.unit)
    return (*own, of.window.in_([counter.window for counter in row.counters]))
