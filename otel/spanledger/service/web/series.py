"""What calls cost as time went on: the sums of a window in equal steps, for charts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, literal_column, or_, select
from sqlalchemy.types import BigInteger

from spanledger.ledger.filters import Filter, Window, during
from spanledger.ledger.rollup import GRAINS, NANO
from spanledger.ledger.schema import calls, dimensions, rollups

#: Steps that are drawn, in seconds, and how many of them a chart takes.
_STEPS = (60, 300, 900, 1800, 3600, 7200, 21_600, 86_400, 604_800)
_MOST = 120


@dataclass(frozen=True, slots=True)
class Point:
    """One step: when it begins (seconds since the epoch), what calls cost in it, how many they were and used."""

    at: int
    cost: int = 0
    unpriced: int = 0
    calls: int = 0
    tokens: int = 0


def step_of(window: Window) -> int:
    """The length of a window's steps, in seconds."""
    length = window.until - window.since
    return next((step for step in _STEPS if length <= step * _MOST), _STEPS[-1])


def series(connection: Connection, window: Window, only: Filter) -> tuple[Point, ...]:
    """The steps of a window in their order, those without calls too. The first and the last may be cut."""
    step = step_of(window)
    statement = _of_rollups(window, only, step) if only.rolled_up else _of_calls(window, only, step)
    found = {int(at): Point(int(at), *(int(sum_ or 0) for sum_ in sums)) for at, *sums in connection.execute(statement)}
    steps = range(window.since - window.since % step, window.until, step)
    return tuple(found.get(at, Point(at)) for at in steps)


def _of_rollups(window: Window, only: Filter, step: int) -> Select[Any]:
    """From the coarsest sums that are no longer than a step."""
    row = rollups.c
    coarsest = max(grain for grain in GRAINS if step % grain == 0)
    parts = ((min(grain, coarsest), since, until) for grain, since, until in window.pieces())
    inside = or_(*(and_(row.grain == grain, row.at >= since, row.at < until) for grain, since, until in parts))
    at = row.at - row.at % literal_column(str(step), BigInteger)
    sums = (row.cost, row.unpriced, row.calls, row.input + row.output)
    joined = rollups.join(dimensions, row.dimension == dimensions.c.id)
    wanted = select(at, *map(func.sum, sums)).select_from(joined).where(inside, *only.of_rollups())
    return wanted.group_by(at)


def _of_calls(window: Window, only: Filter, step: int) -> Select[Any]:
    row = calls.c
    at = step_at(step)
    unpriced = func.count().filter(row.price_status == "unpriced")
    count = func.count().filter(row.kind == "call")
    sums = (func.sum(row.cost), unpriced, count, func.sum(row.input + row.output))
    return select(at, *sums).where(during(window), *only.of_calls()).group_by(at)


def step_at(step: int) -> ColumnElement[Any]:
    """When the step of a call began, in seconds since the epoch."""
    length = literal_column(str(step * NANO), BigInteger)
    return calls.c.started // length * literal_column(str(step), BigInteger)
