"""The caches of the app's and what evaluations said: events in tables of their own, which rollups do not hold."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from spanledger.ledger.filters import ALL, Filter, Window
from spanledger.ledger.results import Hits
from spanledger.ledger.schema import cache_events, calls, runs, scores
from spanledger.money import NANO

#: What an event of a cache says of its call.
KNOWN = ("operation", "stage", "tenant")


@dataclass(frozen=True, slots=True)
class Marks:
    """What evaluations said under one name. `positive` counts those above 0."""

    count: int
    mean: float
    low: float
    high: float
    positive: int


def answers(only: Filter) -> bool:
    """Whether events of caches say what a filter asks for."""
    return replace(only, **dict.fromkeys(KNOWN)) == ALL


def hits(connection: Connection, window: Window, only: Filter = ALL) -> dict[str, Hits]:
    """How often caches were asked and answered, by layer. The filter is one that they can answer."""
    event = cache_events.c
    found = func.sum(case((event.hit, 1), else_=0))
    wanted = [func.coalesce(event[name], "") == value for name in KNOWN if (value := getattr(only, name)) is not None]
    inside = and_(event.at >= window.since * NANO, event.at < window.until * NANO)
    rows = connection.execute(select(event.layer, found, func.count()).where(inside, *wanted).group_by(event.layer))
    return {layer: Hits(int(hit), int(asked) - int(hit)) for layer, hit, asked in rows}


def marks(connection: Connection, window: Window, only: Filter = ALL) -> dict[str, Marks]:
    """What evaluations said, by name; of those calls that the filter lets through, and of runs that have such calls."""
    score = scores.c
    inside = and_(score.at >= window.since * NANO, score.at < window.until * NANO)
    positive = func.sum(case((score.value > 0, 1), else_=0))
    sums = (func.count(), func.avg(score.value), func.min(score.value), func.max(score.value), positive)
    statement = select(score.name, *sums).where(inside, *_of(only)).group_by(score.name)
    return {
        name: Marks(int(count), float(mean), float(low), float(high), int(above))
        for name, count, mean, low, high, above in connection.execute(statement)
    }


def _of(only: Filter) -> list[ColumnElement[bool]]:
    if all(getattr(only, field.name) is None for field in fields(only)):
        return []
    of_call = select(calls.c.id).where(calls.c.id == scores.c.call, *only.of_calls()).exists()
    own = {name: getattr(only, name) for name in ("service", "tenant", "user")}
    of_run = select(runs.c.id).where(
        runs.c.id == scores.c.run, *(func.coalesce(runs.c[name], "") == v for name, v in own.items() if v is not None)
    )
    whole = replace(only, **dict.fromkeys(own)) == ALL  # runs say no more than that
    return [or_(of_call, and_(scores.c.call.is_(None), of_run.exists()))] if whole else [of_call]
