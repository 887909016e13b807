"""What calls cost as time went on: the sums of a window in equal steps, for charts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, literal_column
from sqlalchemy.types import BigInteger

from spanledger.ledger.questions import queries
from spanledger.ledger.questions.filters import Filter, Window
from spanledger.ledger.questions.results import Totals
from spanledger.ledger.schema import calls
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
    found = queries.steps(connection, step, window, only)
    return tuple(
        _point(at, found.get(at, Totals())) for at in range(window.since - window.since % step, window.until, step)
    )


def _point(at: int, sums: Totals) -> Point:
    return Point(at, sums.cost, sums.unpriced, sums.calls, sums.lost, sums.tokens)


def step_at(step: int) -> ColumnElement[Any]:
    """When the step of a call began, in seconds since the epoch."""
    length = literal_column(str(step * NANO), BigInteger)
    return calls.c.started // length * literal_column(str(step), BigInteger)
