"""Questions to the ledger: pure functions over a connection.

Sums and percentiles come out of the rollups. Only questions about single users read rows, by an index on the user.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import fields
from operator import add
from typing import Any, TypeVar

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, and_, case, func, literal, literal_column, select

from spanledger.ledger import cuts, rolled
from spanledger.ledger.bins import Tally
from spanledger.ledger.filters import ALL, Filter, Window, column_of, during
from spanledger.ledger.results import NAMES, Latencies, Operation, Percentiles, Projection, Spend, Totals
from spanledger.ledger.schema import DIMENSIONS, calls
from spanledger.ledger.sketch import BINS, bin_of, quantiles
from spanledger.money import NANO

_T = TypeVar("_T", Totals, Spend)
DAY, HOUR = cuts.DAY, cuts.HOUR
#: Days before today that a projection looks at.
WEEK = 7
#: What can be grouped by, besides nothing.
GROUPS = (*DIMENSIONS, "user", "day")


def totals(connection: Connection, window: Window, only: Filter = ALL) -> Totals:
    """Everything together."""
    return next(iter(_summed(connection, window, only, None).values()), Totals())


def by(connection: Connection, group: str, window: Window, only: Filter = ALL) -> dict[str, Totals]:
    """The same for each value of a dimension, of `user`, or for each UTC `day` (its beginning in seconds).

    The key of calls where nothing was said is empty. Raises ValueError for what cannot be grouped by.
    """
    if group not in GROUPS:
        raise ValueError(f"{group!r} is nothing to group by; take one of {', '.join(GROUPS)}")
    return _summed(connection, window, only, DAY if group == "day" else group)


def daily(connection: Connection, window: Window, only: Filter = ALL) -> dict[int, Totals]:
    """For each UTC day, by its beginning in seconds since the epoch; days without calls too."""
    found = steps(connection, DAY, window, only)
    days = range(window.since // DAY * DAY, window.until, DAY)
    return {day: found.get(day, Totals()) for day in days}


def percentiles(connection: Connection, window: Window, only: Filter = ALL) -> Percentiles:
    """How long calls took that left."""
    return _latencies(connection, window, only, None).get("", Percentiles())


def percentiles_by(connection: Connection, group: str, window: Window, only: Filter = ALL) -> dict[str, Percentiles]:
    """The same for each value of a dimension or of `user`; not by `day`."""
    return _latencies(connection, window, only, group)


def latencies(connection: Connection, group: str, window: Window, only: Filter = ALL) -> Latencies:
    """Both, read once."""
    found = _counts(connection, window, only, group)
    together = [0] * BINS
    for counts in found.values():
        together = list(map(add, together, counts))
    return Latencies({key: _quantiles(counts) for key, counts in found.items()}, _quantiles(together))


def operations(connection: Connection, window: Window, only: Filter = ALL, limit: int = 10) -> tuple[Operation, ...]:
    """The operations that cost most."""
    found = sorted(by(connection, "operation", window, only).items(), key=lambda one: (-one[1].cost, one[0]))[:limit]
    took = _latencies(connection, window, only, "operation")
    return tuple(Operation(name, sums, took.get(name, Percentiles())) for name, sums in found)


def tenants(connection: Connection, window: Window) -> tuple[str, ...]:
    """Who was served, by name."""
    return tuple(sorted(by(connection, "tenant", window)))


def projection(connection: Connection, now: float, only: Filter = ALL) -> Projection:
    """What the month will cost at the rate of the last seven days, and today at the profile of the same days.

    Days before the first call of them do not count. Today's share of a day is what those days had spent by this time of
    theirs; where they spent nothing, the share of the day that is over. Within an hour spending is taken as even.
    """
    today = int(now // DAY) * DAY
    so_far = totals(connection, Window.of(today, now), only)
    week = steps(connection, HOUR, Window(today - WEEK * DAY, today), only)
    first = min((hour for hour, sums in week.items() if _rows(sums)), default=today)
    by_hour: defaultdict[int, int] = defaultdict(int)
    for hour, sums in week.items():
        by_hour[hour % DAY] += sums.cost
    clock = now - today
    until_now = sum(cost * min(max((clock - hour) / HOUR, 0.0), 1.0) for hour, cost in by_hour.items())
    cost = sum(by_hour.values())
    share = until_now / cost if until_now else clock / DAY
    days = (today - first // DAY * DAY) // DAY
    return Projection(days, cost, so_far.cost, round(so_far.cost / share) if share else so_far.cost, _rows(so_far))


def _rows(sums: Totals) -> int:
    return sums.calls + sums.lost


def spend(connection: Connection, group: str, window: Window, only: Filter = ALL) -> dict[str, Spend]:
    """What was spent, for each value of a dimension or of `user`, or each UTC `day`: as `by`, but told more quickly."""
    return _read(connection, window, only, DAY if group == "day" else group, Spend)


def steps(connection: Connection, length: int, window: Window, only: Filter = ALL) -> dict[int, Totals]:
    """For spans of so many seconds, by their beginning; those without calls are left out.

    An hour or a day has to be a whole number of them, or they of it.
    """
    return {int(at): sums for at, sums in _summed(connection, window, only, length).items()}


def _summed(connection: Connection, window: Window, only: Filter, group: rolled.Group) -> dict[str, Totals]:
    return _read(connection, window, only, group, Totals)


def _read(connection: Connection, window: Window, only: Filter, group: rolled.Group, kind: type[_T]) -> dict[str, _T]:
    """Sums of a kind, whose fields are some of those that are kept."""
    names = tuple(field.name for field in fields(kind))
    if only.rolled_up and group != "user":
        rows = rolled.sums(connection, window, only, group, names)
    else:
        rows = ((key, 1, *sums) for key, *sums in connection.execute(_of_calls(window, only, group, names)))
    found: dict[str, list[int]] = {}
    for key, sign, *sums in rows:
        there = found.setdefault(str(key), [0] * len(sums))
        found[str(key)] = [one + sign * int(more or 0) for one, more in zip(there, sums, strict=True)]
    return {key: kind(*sums) for key, sums in found.items() if any(sums)}


def of_trace(connection: Connection, trace_id: str, only: Filter = ALL) -> Totals:
    """The calls of a trace together, however many they are."""
    statement = select(*_added_up(NAMES)).where(calls.c.trace_id == trace_id, *only.of_calls())
    return Totals(*(int(value or 0) for value in connection.execute(statement).one()))


def _of_calls(window: Window, only: Filter, group: rolled.Group, names: Sequence[str]) -> Select[Any]:
    key: ColumnElement[Any] = literal("")
    if group is not None:
        key = _beginning(group) if isinstance(group, int) else func.coalesce(column_of(group), "")
    statement = select(key, *_added_up(names)).where(during(window), *only.of_calls())
    return statement if group is None else statement.group_by(key)


def _added_up(names: Iterable[str]) -> list[ColumnElement[Any]]:
    """These sums over rows of calls."""
    row = calls.c
    call = row.kind == "call"

    def count(*wanted: ColumnElement[bool]) -> ColumnElement[Any]:
        return func.sum(case((and_(*wanted), 1), else_=0))

    def sum_if(wanted: ColumnElement[bool], value: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.sum(case((wanted, value), else_=0))

    left = and_(call, row.status != "refused")
    counted = {
        "calls": count(left),
        "refused": count(call, row.status == "refused"),
        "errors": count(call, row.status == "error"),
        "timeouts": count(call, row.status == "timeout"),
        "lost": count(row.kind == "attempt"),
        "cost_provider": sum_if(row.cost_source == "provider", row.cost),
        "cost_estimated": sum_if(row.estimated, row.cost),
        "priced": count(row.price_status == "priced"),
        "unpriced": count(row.price_status == "unpriced"),
        "duration": sum_if(left, row.ended - row.started),
    }
    return [counted[name] if name in counted else func.sum(row[name]) for name in names]


def _beginning(length: int) -> ColumnElement[Any]:
    """Of the span of time that a call began in."""
    return calls.c.started // literal_column(str(length * NANO), BigInteger) * literal_column(str(length), BigInteger)


def _latencies(connection: Connection, window: Window, only: Filter, group: str | None) -> dict[str, Percentiles]:
    """By group; the key of everything together is empty."""
    return {key: _quantiles(counts) for key, counts in _counts(connection, window, only, group).items()}


def _quantiles(counts: list[int]) -> Percentiles:
    return Percentiles(*quantiles(counts, 0.5, 0.95, 0.99))


def _counts(connection: Connection, window: Window, only: Filter, group: str | None) -> dict[str, list[int]]:
    """How many calls fell into each bin."""
    tallies: defaultdict[str, Tally] = defaultdict(Tally)
    if only.rolled_up and group != "user":
        for key, sign, packed in rolled.bins(connection, window, only, group):
            tallies[str(key)].add(packed, sign)
    else:
        name = literal("") if group is None else func.coalesce(column_of(group), "")
        left = and_(calls.c.kind == "call", calls.c.status != "refused")
        took = select(name, calls.c.ended - calls.c.started).where(during(window), left, *only.of_calls())
        for key, nanoseconds in connection.execute(took):
            tallies[str(key)].count(bin_of(nanoseconds))
    return {key: tally.counts for key, tally in tallies.items()}
