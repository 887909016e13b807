"""The caches of the app's and what evaluations said: sums and rows of their own."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, fields, replace
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    String,
    and_,
    case,
    func,
    literal_column,
    or_,
    select,
    text,
)

from spanledger.ledger.questions.filters import ALL, Filter, Window, column_of, day_named
from spanledger.ledger.questions.results import Hits
from spanledger.ledger.schema import calls, runs, scores
from spanledger.ledger.sums import mark
from spanledger.ledger.sums.cuts import DAY, MINUTE, WEEK
from spanledger.ledger.sums.hits import FINEST, KNOWN, cut_of
from spanledger.ledger.sums.spans import spans
from spanledger.money import NANO


@dataclass(frozen=True, slots=True)
class Marks:
    """What evaluations said under one name. `positive` counts those above 0."""

    count: int
    mean: float
    low: float
    high: float
    positive: int

    def __add__(self, other: Marks) -> Marks:
        count = self.count + other.count
        mean = (self.mean * self.count + other.mean * other.count) / count
        return Marks(count, mean, min(self.low, other.low), max(self.high, other.high), self.positive + other.positive)


def answers(only: Filter) -> bool:
    """Whether events of caches say what a filter asks for."""
    return replace(only, **dict.fromkeys(KNOWN)) == ALL


def hits(connection: Connection, window: Window, only: Filter = ALL) -> dict[str, Hits]:
    """How often caches were asked and answered, by layer. The filter is one that they can answer."""
    return _hits(connection, window, only, None).get("", {})


def hits_by(connection: Connection, group: str, window: Window, only: Filter = ALL) -> dict[str, dict[str, Hits]]:
    """The same for each value of what events say of their call, or for each UTC `day` (2026-11-22).

    Raises ValueError for what cannot be grouped by.
    """
    if not groups_by(group):
        raise ValueError(f"{group!r} is nothing that events say; take one of {', '.join((*KNOWN, 'day'))}")
    return _hits(connection, window, only, group)


def groups_by(group: str) -> bool:
    """Whether events of caches can be told apart by a group."""
    return group in {*KNOWN, "day"}


def _hits(connection: Connection, window: Window, only: Filter, group: str | None) -> dict[str, dict[str, Hits]]:
    bound = only.wanted
    key = "''" if group is None else f"at - at % {DAY}" if group == "day" else group
    told = {*bound} if group not in KNOWN else {*bound, group}

    def part(grain: int, sign: int, at: str) -> str:
        """Of a cut that is kept, the columns that it does not tell apart are empty."""
        cut = FINEST if grain == MINUTE else cut_of(told)
        wanted = [f" AND {name} = :{name}" for name in bound]
        empty = [f" AND {name} = ''" for place, name in enumerate(KNOWN) if not cut >> place & 1]
        return (  # numbers and names of ours
            f"SELECT {key}, layer, {sign}, SUM(hits), SUM(misses) FROM cache_rollups "  # noqa: S608
            f"WHERE grain = {grain} AND cut = {cut} AND at {at}{''.join(wanted + empty)} GROUP BY 1, 2"
        )

    closed = mark.seen(connection)
    inside = spans(window.since, min(window.until, closed), DAY if group == "day" else WEEK)
    parts = [part(span.grain, span.sign, f"IN ({', '.join(map(str, span.ats))})") for span in inside]
    if (opened := max(window.since, closed)) < window.until:
        parts.append(part(MINUTE, 1, f"BETWEEN {opened} AND {window.until - 1}"))
    rows = connection.execute(text(" UNION ALL ".join(parts)), bound).tuples() if parts else ()
    found: defaultdict[str, defaultdict[str, Hits]] = defaultdict(lambda: defaultdict(Hits))
    for of, layer, sign, hit, missed in rows:
        found[_named(group, of)][layer] += Hits(sign * int(hit), sign * int(missed))
    asked = {of: {layer: one for layer, one in by.items() if one != Hits()} for of, by in found.items()}
    return {of: layers for of, layers in asked.items() if layers}


def marks(connection: Connection, window: Window, only: Filter = ALL) -> dict[str, Marks]:
    """What evaluations said, by name; of those calls that the filter lets through, and of runs that have such calls."""
    return _marks(connection, window, only, None).get("", {})


def marks_by(connection: Connection, group: str, window: Window, only: Filter = ALL) -> dict[str, dict[str, Marks]]:
    """The same for each value of a column of calls, or for each UTC `day`; what was said of runs has an empty key."""
    return _marks(connection, window, only, group)


def _marks(connection: Connection, window: Window, only: Filter, group: str | None) -> dict[str, dict[str, Marks]]:
    score = scores.c
    inside = and_(score.at >= window.since * NANO, score.at < window.until * NANO)
    positive = func.sum(case((score.value > 0, 1), else_=0))
    sums = (func.count(), func.avg(score.value), func.min(score.value), func.max(score.value), positive)
    asked = select(_key(group), score.name, *sums).where(inside, *_of(only))
    if group not in (None, "day"):
        asked = asked.select_from(scores.outerjoin(calls, calls.c.id == score.call))
    found: defaultdict[str, dict[str, Marks]] = defaultdict(dict)
    for of, name, count, mean, low, high, above in connection.execute(asked.group_by(literal_column("1"), score.name)):
        found[_named(group, of)][name] = Marks(int(count), float(mean), float(low), float(high), int(above))
    return found


def _named(group: str | None, of: Any) -> str:
    return day_named(int(of)) if group == "day" else str(of)


def _key(group: str | None) -> ColumnElement[Any]:
    if group is None:
        return literal_column("''", String)
    if group == "day":
        day = literal_column(str(DAY * NANO), BigInteger)
        return scores.c.at // day * literal_column(str(DAY), BigInteger)
    return func.coalesce(column_of(group), literal_column("''", String))


def _of(only: Filter) -> list[ColumnElement[bool]]:
    if all(getattr(only, field.name) is None for field in fields(only)):
        return []
    of_call = select(calls.c.id).where(calls.c.id == scores.c.call, *only.of_calls()).correlate(scores).exists()
    own = {name: getattr(only, name) for name in ("service", "tenant", "user")}
    of_run = select(runs.c.id).where(
        runs.c.id == scores.c.run, *(func.coalesce(runs.c[name], "") == v for name, v in own.items() if v is not None)
    )
    whole = replace(only, **dict.fromkeys(own)) == ALL  # runs say no more than that
    return [or_(of_call, and_(scores.c.call.is_(None), of_run.exists()))] if whole else [of_call]
