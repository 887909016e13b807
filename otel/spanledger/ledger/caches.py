"""The caches of the app's and what evaluations said: sums and rows of their own."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, fields, replace
from functools import partial

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from spanledger.ledger import rolled
from spanledger.ledger.cuts import MINUTE
from spanledger.ledger.filters import ALL, Filter, Window
from spanledger.ledger.hits import FINEST, KNOWN, cut_of
from spanledger.ledger.results import Hits
from spanledger.ledger.schema import calls, runs, scores
from spanledger.money import NANO


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
    bound = only.wanted
    found: defaultdict[str, Hits] = defaultdict(Hits)
    for layer, sign, hit, missed in rolled.read(connection, window, partial(_part, tuple(bound)), bound):
        found[layer] += Hits(sign * int(hit), sign * int(missed))
    return {layer: one for layer, one in found.items() if one != Hits()}


def _part(told: tuple[str, ...], grain: int, sign: int, at: str) -> str:
    """Of a cut that is kept, the columns that it does not tell apart are empty."""
    cut = FINEST if grain == MINUTE else cut_of(told)
    wanted = [f" AND {name} = :{name}" for name in told]
    empty = [f" AND {name} = ''" for place, name in enumerate(KNOWN) if not cut >> place & 1]
    return (  # numbers and names of ours
        f"SELECT layer, {sign}, SUM(hits), SUM(misses) FROM cache_rollups "  # noqa: S608
        f"WHERE grain = {grain} AND cut = {cut} AND at {at}{''.join(wanted + empty)} GROUP BY layer"
    )


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
