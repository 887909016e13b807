"""What reports ask the ledger besides its own questions: extremes, and how answers were."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, literal, select

from spanledger.ledger import queries
from spanledger.ledger.filters import Filter, Window, column_of, during
from spanledger.ledger.schema import calls, scores
from spanledger.money import NANO

DAY = 86_400
#: Reasons to finish that mean that an answer was cut off at a limit.
_CUT_OFF = ("length", "max_tokens", "MAX_TOKENS", "max_output_tokens")


@dataclass(frozen=True, slots=True)
class Extremes:
    """Of the calls whose cost is known the cheapest, the dearest and the mean one, in nano-USD; None without any.

    A call that nobody knows the price of is in none of them: it did not cost 0.
    """

    least: int | None = None
    most: int | None = None
    mean: int | None = None


def extremes(connection: Connection, window: Window, only: Filter, group: str | None = None) -> dict[str, Extremes]:
    """By the values of a dimension; the key of everything together is empty."""
    row = calls.c
    found = (func.min(row.cost), func.max(row.cost), func.sum(row.cost), func.count(row.cost))
    key: ColumnElement[Any] = literal("") if group is None else func.coalesce(column_of(group), "")
    statement = select(key, *found).where(_left(window, only))
    rows = connection.execute(statement if group is None else statement.group_by(key))
    return {str(name): Extremes(least, most, round(cost / count)) for name, least, most, cost, count in rows if count}


@dataclass(frozen=True, slots=True)
class Answers:
    """How answers were: calls whose answer had a schema to keep and kept it, was cut off, estimated, contradictory."""

    with_schema: int = 0
    valid: int = 0
    cut_off: int = 0
    estimated: int = 0
    suspect: int = 0
    streams: int = 0


def answers(connection: Connection, window: Window, only: Filter) -> dict[str, Answers]:
    """How answers were, by operation."""
    row = calls.c

    def count(wanted: ColumnElement[bool]) -> ColumnElement[int]:
        return func.sum(case((wanted, 1), else_=0))

    found = (
        count(row.schema_valid.is_not(None)),
        count(row.schema_valid.is_(True)),
        count(row.finish_reason.in_(_CUT_OFF)),
        count(row.estimated),
        count(row.suspect),
        count(row.stream),
    )
    rows = connection.execute(select(row.operation, *found).where(_left(window, only)).group_by(row.operation))
    return {name: Answers(*(int(value) for value in values)) for name, *values in rows}


@dataclass(frozen=True, slots=True)
class Score:
    """What evaluations said under one name."""

    name: str
    count: int
    mean: float
    least: float
    most: float


def scored(connection: Connection, window: Window, only: Filter) -> tuple[Score, ...]:
    """The scores of a span of time by name; where calls are chosen, of those calls alone."""
    score = scores.c
    inside = and_(score.at >= window.since * NANO, score.at < window.until * NANO)
    found = (func.count(), func.avg(score.value), func.min(score.value), func.max(score.value))
    statement = select(score.name, *found).where(inside).group_by(score.name).order_by(score.name)
    if only != Filter():
        statement = statement.join(calls, score.call == calls.c.id).where(*only.of_calls())
    return tuple(Score(name, int(count), *map(float, values)) for name, count, *values in connection.execute(statement))


@dataclass(frozen=True, slots=True)
class Month:
    """This calendar month (UTC): what it has cost, and what it will have at the rate of the last `days`; nano-USD.

    Each is None where nothing of it is known.
    """

    so_far: int | None
    estimate: int | None
    days: float


def month(connection: Connection, now: float, window: Window, only: Filter) -> Month:
    """At the rate of a window.

    Time before the first call ever is not part of the rate, but a day counts whole: minutes say nothing of a month.
    """
    today = datetime.fromtimestamp(now, UTC)
    begin = datetime(today.year, today.month, 1, tzinfo=UTC).timestamp()
    end = begin + monthrange(today.year, today.month)[1] * DAY
    so_far = queries.totals(connection, Window.of(begin, now), only)
    first = connection.execute(select(func.min(calls.c.started)).where(*only.of_calls())).scalar()
    since = window.since if first is None else max(window.since, first / NANO)
    days = max(min(window.until, now) - since, min(DAY, window.until - window.since)) / DAY
    rated = queries.totals(connection, window, only)
    left = round(rated.cost / days * max(end - now, 0.0) / DAY)
    told = so_far.known is not None and rated.known is not None
    return Month(so_far.known, so_far.cost + left if told else None, days)


def _left(window: Window, only: Filter) -> ColumnElement[bool]:
    """Calls that left."""
    return and_(during(window), calls.c.kind == "call", calls.c.status != "refused", *only.of_calls())
