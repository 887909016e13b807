"""What calls cost as time went on: the sums of a window in equal steps, for charts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from operator import add
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, literal_column, select
from sqlalchemy.types import BigInteger

from spanledger.ledger.cuts import GRAINS, for_question
from spanledger.ledger.filters import Filter, Window, during
from spanledger.ledger.schema import calls, dimensions, rollups
from spanledger.money import NANO

#: Steps that are drawn, in seconds, and how many of them a chart takes. Sums by the minute are many: a day is by hours.
_STEPS = (60, 300, 3600, 7200, 21_600, 86_400, 604_800)
_MOST = 120


@dataclass(frozen=True, slots=True)
class Point:
    """One step: when it begins (seconds since the epoch), what calls cost in it, how many they were and used.

    `calls` are those that left, `lost` the attempts that were perhaps billed.
    """

    at: int
    cost: int = 0
    unpriced: int = 0
    calls: int = 0
    lost: int = 0
    tokens: int = 0

    @property
    def requests(self) -> int:
        """What budgets count as calls."""
        return self.calls + self.lost


def step_of(window: Window) -> int:
    """The length of a window's steps, in seconds."""
    length = window.until - window.since
    return next((step for step in _STEPS if length <= step * _MOST), _STEPS[-1])


def series(connection: Connection, window: Window, only: Filter) -> tuple[Point, ...]:
    """The steps of a window in their order, those without calls too. The first and the last may be cut."""
    step = step_of(window)
    statements = _of_rollups(window, only, step) if only.rolled_up else (_of_calls(window, only, step),)
    found: defaultdict[int, list[int]] = defaultdict(lambda: [0] * 5)
    for statement in statements:
        for at, *sums in connection.execute(statement):
            found[int(at)] = list(map(add, found[int(at)], map(int, sums)))
    return tuple(Point(at, *found[at]) for at in range(window.since - window.since % step, window.until, step))


def _of_rollups(window: Window, only: Filter, step: int) -> Iterator[Select[Any]]:
    """From the coarsest sums that are no longer than a step, in the coarsest cut that answers."""
    row = rollups.c
    coarsest = max(grain for grain in GRAINS if step % grain == 0)
    at = row.at - row.at % literal_column(str(step), BigInteger)
    sums = map(func.sum, (row.cost, row.unpriced, row.calls, row.lost, row.input + row.output))
    asked = select(at, *sums).group_by(at)
    for whole, since, until in window.pieces():
        grain = min(whole, coarsest)
        cut = for_question(grain, frozenset(only.names))
        wanted = asked.where(row.grain == grain, row.cut == cut, row.at >= since, row.at < until)
        if only.names:
            of_it = and_(row.dimension == dimensions.c.id, dimensions.c.cut == cut)
            wanted = wanted.join(dimensions, of_it).where(*only.of_rollups())
        yield wanted


def _of_calls(window: Window, only: Filter, step: int) -> Select[Any]:
    row = calls.c
    at = step_at(step)
    unpriced, left = row.price_status == "unpriced", and_(row.kind == "call", row.status != "refused")
    counts = (func.count().filter(wanted) for wanted in (unpriced, left, row.kind == "attempt"))
    sums = (func.coalesce(func.sum(row.cost), 0), *counts, func.sum(row.input + row.output))
    return select(at, *sums).where(during(window), *only.of_calls()).group_by(at)


def step_at(step: int) -> ColumnElement[Any]:
    """When the step of a call began, in seconds since the epoch."""
    length = literal_column(str(step * NANO), BigInteger)
    return calls.c.started // length * literal_column(str(step), BigInteger)
