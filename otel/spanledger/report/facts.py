"""What reports ask the ledger besides its own questions: extremes, and how answers were.

Neither is a sum that could be kept, so both need the rows themselves. They are read once for all tables of a report,
and not at all where they are more than anybody wants to wait for.
"""

from __future__ import annotations

from calendar import monthrange
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Connection, and_, case, func, select

from spanledger.ledger.questions import queries
from spanledger.ledger.questions.filters import Filter, Window, column_of, during
from spanledger.ledger.questions.results import Totals
from spanledger.ledger.schema import calls
from spanledger.money import NANO

DAY = 86_400
#: Rows of calls that a report reads at most: some seconds.
ROWS = 1_000_000
#: What the cheapest and the dearest calls are looked for in.
GROUPS = ("stage", "operation", "model", "provider", "tenant")
#: Reasons to finish that mean that an answer was cut off at a limit.
_CUT_OFF = ("length", "max_tokens", "MAX_TOKENS", "max_output_tokens")


def rows_of(sums: Totals) -> int:
    """How many rows the sums are of."""
    return sums.calls + sums.refused + sums.lost


@dataclass(frozen=True, slots=True)
class Extremes:
    """Of the calls whose cost is known the cheapest and the dearest, in nano-USD; None without any.

    A call that nobody knows the price of is neither: it did not cost 0.
    """

    least: int | None = None
    most: int | None = None

    def __or__(self, other: Extremes) -> Extremes:
        if self.least is None or self.most is None or other.least is None or other.most is None:
            return other if self.least is None else self
        return Extremes(min(self.least, other.least), max(self.most, other.most))


@dataclass(frozen=True, slots=True)
class Answers:
    """How answers were: calls whose answer had a schema to keep and kept it, was cut off, estimated, contradictory."""

    with_schema: int = 0
    valid: int = 0
    cut_off: int = 0
    estimated: int = 0
    suspect: int = 0

    def __add__(self, other: Answers) -> Answers:
        return Answers(
            self.with_schema + other.with_schema,
            self.valid + other.valid,
            self.cut_off + other.cut_off,
            self.estimated + other.estimated,
            self.suspect + other.suspect,
        )


@dataclass(frozen=True, slots=True)
class Singles:
    """What only single calls tell: by the values of each group the extremes, and by operation how answers were."""

    ends: Mapping[str, Mapping[str, Extremes]] = field(default_factory=dict)
    answers: Mapping[str, Answers] = field(default_factory=dict)

    @property
    def all_ends(self) -> Extremes:
        """Of everything together."""
        found = Extremes()
        for one in self.ends.get("operation", {}).values():
            found |= one
        return found

    def of(self, group: str, value: str) -> Extremes:
        """Of a value of a group."""
        return self.ends.get(group, {}).get(value, Extremes())


def singles(connection: Connection, window: Window, only: Filter) -> Singles:
    """Out of the rows of a window that left: by all combinations of the groups, put together by each."""
    row = calls.c

    def count(wanted: ColumnElement[bool]) -> ColumnElement[int]:
        return func.sum(case((wanted, 1), else_=0))

    keys = [func.coalesce(column_of(group), "") for group in GROUPS]
    how = (
        count(row.schema_valid.is_not(None)),
        count(row.schema_valid.is_(True)),
        count(row.finish_reason.in_(_CUT_OFF)),
        count(row.estimated),
        count(row.suspect),
    )
    left = and_(during(window), row.kind == "call", row.status != "refused", *only.of_calls())
    statement = select(*keys, func.min(row.cost), func.max(row.cost), *how).where(left).group_by(*keys)
    ends: dict[str, defaultdict[str, Extremes]] = {group: defaultdict(Extremes) for group in GROUPS}
    answers: defaultdict[str, Answers] = defaultdict(Answers)
    for stage, operation, model, provider, tenant, least, most, *counts in connection.execute(statement):
        for group, value in zip(GROUPS, (stage, operation, model, provider, tenant), strict=True):
            ends[group][value] |= Extremes(least, most)
        answers[operation] += Answers(*map(int, counts))
    return Singles(ends, answers)


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
    rated = queries.totals(connection, window, only)
    since = _began(connection, window, only) if rows_of(rated) else window.since
    days = max(min(window.until, now) - since, min(DAY, window.until - window.since)) / DAY
    left = round(rated.cost / days * max(end - now, 0.0) / DAY)
    told = so_far.known is not None and rated.known is not None
    return Month(so_far.known, so_far.cost + left if told else None, days)


def _began(connection: Connection, window: Window, only: Filter) -> float:
    """When the first call of a window was, where there was none before; else when the window began.

    Sums say whether there was one before: rows could be sought through the whole ledger in vain.
    """
    oldest = connection.scalar(select(func.min(calls.c.started)))
    if oldest is not None and oldest < window.since * NANO:
        before = queries.totals(connection, Window.of(oldest / NANO, window.since), only)
        if rows_of(before):
            return window.since
    inside = select(calls.c.started).where(during(window), *only.of_calls()).order_by(calls.c.started).limit(1)
    first = connection.scalar(inside)
    return window.since if first is None else first / NANO
