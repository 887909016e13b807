"""Questions to the ledger: pure functions over a connection.

Sums and percentiles come out of the rollups. Only questions about single users read rows, by an index on the user.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

from sqlalchemy import Connection

from spanledger.ledger import cuts, rolled, singles
from spanledger.ledger.filters import ALL, Filter, Wanted, Window
from spanledger.ledger.packing import unpacked
from spanledger.ledger.plans import Group
from spanledger.ledger.results import Operation, Percentiles, Projection, Totals
from spanledger.ledger.schema import DIMENSIONS
from spanledger.ledger.sketch import quantiles

_K = TypeVar("_K")
_T = TypeVar("_T")
#: Reads for groups what each of them has by key.
_Read = Callable[[Connection, Window, Wanted, Collection[Group]], dict[Group, defaultdict[rolled.Key, _T]]]
DAY, HOUR = cuts.DAY, cuts.HOUR
#: Days before today that a projection looks at.
WEEK = 7
#: What can be grouped by, besides nothing.
GROUPS = (*DIMENSIONS, "user", "day")


def totals(connection: Connection, window: Window, only: Filter = ALL) -> Totals:
    """Everything together."""
    return each(connection, (None,), window, only)[None].get("", Totals())


def by(connection: Connection, group: str, window: Window, only: Filter = ALL) -> dict[str, Totals]:
    """The same for each value of a dimension, of `user`, or for each UTC `day` (its beginning in seconds).

    The key of calls where nothing was said is empty. Raises ValueError for what cannot be grouped by.
    """
    return each(connection, (group,), window, only)[group]


def each(
    connection: Connection, groups: Collection[str | None], window: Window, only: Filter = ALL
) -> dict[str | None, dict[str, Totals]]:
    """The same for several groups, in little more time than for one; that of None is everything, with an empty key."""
    found = _each(connection, groups, window, only, rolled.sums, singles.sums)
    return {group: _totals(sums) for group, sums in found.items()}


def daily(connection: Connection, window: Window, only: Filter = ALL) -> dict[int, Totals]:
    """For each UTC day, by its beginning in seconds since the epoch; days without calls too."""
    found = steps(connection, DAY, window, only)
    days = range(window.since // DAY * DAY, window.until, DAY)
    return {day: found.get(day, Totals()) for day in days}


def steps(connection: Connection, length: int, window: Window, only: Filter = ALL) -> dict[int, Totals]:
    """For spans of so many seconds, by their beginning; those without calls are left out.

    An hour or a day has to be a whole number of them, or they of it.
    """
    source = rolled if only.rolled_up else singles
    return _totals(source.sums(connection, window, only.values, [length])[length])


def percentiles(connection: Connection, window: Window, only: Filter = ALL) -> Percentiles:
    """How long calls took that left."""
    return latencies(connection, (None,), window, only)[None].get("", Percentiles())


def percentiles_by(connection: Connection, group: str, window: Window, only: Filter = ALL) -> dict[str, Percentiles]:
    """The same for each value of a dimension or of `user`, or for each UTC `day`, as with `by`."""
    return latencies(connection, (group,), window, only)[group]


def latencies(
    connection: Connection, groups: Collection[str | None], window: Window, only: Filter = ALL
) -> dict[str | None, dict[str, Percentiles]]:
    """The same for several groups, as with `each`."""
    found = _each(connection, groups, window, only, rolled.tallies, singles.tallies)
    return {
        group: {key: Percentiles(*quantiles(tally.counts, 0.5, 0.95, 0.99)) for key, tally in of.items()}
        for group, of in found.items()
    }


def operations(connection: Connection, window: Window, only: Filter = ALL, limit: int = 10) -> tuple[Operation, ...]:
    """The operations that cost most."""
    found = sorted(by(connection, "operation", window, only).items(), key=lambda one: (-one[1].cost, one[0]))[:limit]
    took = percentiles_by(connection, "operation", window, only)
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
    hours = steps(connection, HOUR, Window.of(today - WEEK * DAY, now), only)
    so_far = sum((sums for hour, sums in hours.items() if hour >= today), Totals())
    week = {hour: sums for hour, sums in hours.items() if hour < today}
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


def _each(
    connection: Connection,
    groups: Collection[str | None],
    window: Window,
    only: Filter,
    of_rollups: _Read[_T],
    of_calls: _Read[_T],
) -> dict[str | None, dict[str, _T]]:
    """What groups have by key, of rollups where these know it."""
    if unknown := [group for group in groups if group not in (None, *GROUPS)]:
        raise ValueError(f"{unknown[0]!r} is nothing to group by; take one of {', '.join(GROUPS)}")
    told: dict[str | None, Group] = {group: _told(group) for group in groups}
    rolled_up = {group for group in groups if only.rolled_up and group != "user"}
    found = {
        **of_rollups(connection, window, only.values, [told[group] for group in told if group in rolled_up]),
        **of_calls(connection, window, only.values, [told[group] for group in told if group not in rolled_up]),
    }
    return {group: {str(key): one for key, one in found[told[group]].items()} for group in told}


def _told(group: str | None) -> Group:
    if group == "day":
        return DAY
    return () if group is None else (group,)


def _totals(sums: Mapping[_K, int]) -> dict[_K, Totals]:
    """Of the keys that have any."""
    return {key: Totals(*unpacked(one)) for key, one in sums.items() if one}
