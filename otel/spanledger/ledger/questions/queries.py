"""Questions to the ledger: pure functions over a connection.

Sums and percentiles come out of the rollups. Only questions about single users read rows, by an index on the user.
Whatever adds up to more than 64 bits raises `overflow.SumError`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeVar

from sqlalchemy import Connection

from spanledger.ledger.questions import rolled, singles
from spanledger.ledger.questions.filters import ALL, Filter, Wanted, Window, day_named
from spanledger.ledger.questions.plans import Group
from spanledger.ledger.questions.results import Operation, Percentiles, Projection, Totals
from spanledger.ledger.schema import DIMENSIONS
from spanledger.ledger.sums import cuts
from spanledger.ledger.sums.packing import unpacked
from spanledger.ledger.sums.sketch import quantiles

_T = TypeVar("_T")
#: Reads of each window for groups what each of them has by key.
_Read = Callable[
    [Connection, Sequence[Window], Wanted, Collection[Group]], list[dict[Group, defaultdict[rolled.Key, _T]]]
]
DAY, HOUR = cuts.DAY, cuts.HOUR
#: Days before today that a projection looks at.
WEEK = 7
#: What can be grouped by, besides nothing.
GROUPS = (*DIMENSIONS, "user", "day")


def totals(connection: Connection, window: Window, only: Filter = ALL) -> Totals:
    """Everything together."""
    return each(connection, (None,), window, only)[None].get("", Totals())


def by(connection: Connection, group: str, window: Window, only: Filter = ALL) -> dict[str, Totals]:
    """The same for each value of a dimension, of `user`, or for each UTC `day` (2026-11-22).

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
    """For spans of so many seconds, by their beginning; those without calls are left out."""
    parts = window.steps(length)
    found = dict(zip(parts, over(connection, tuple(parts.values()), only), strict=True))
    return {at: sums for at, sums in found.items() if sums != Totals()}


def over(connection: Connection, windows: Sequence[Window], only: Filter = ALL) -> list[Totals]:
    """Everything of each of several windows, in little more time than of one."""
    source = rolled if only.rolled_up else singles
    return [_totals(found[()]).get("", Totals()) for found in source.sums(connection, windows, only.values, [()])]


def percentiles(connection: Connection, window: Window, only: Filter = ALL) -> Percentiles:
    """How long calls took that left."""
    return latencies(connection, (None,), window, only)[None].get("", Percentiles())


def percentiles_by(connection: Connection, group: str, window: Window, only: Filter = ALL) -> dict[str, Percentiles]:
    """The same for each value of a dimension or of `user`, or for each UTC `day`, as with `by`."""
    return latencies(connection, (group,), window, only)[group]


def latencies(
    connection: Connection, groups: Collection[str | None], window: Window, only: Filter = ALL
) -> dict[str | None, dict[str, Percentiles]]:
    """The same for several groups, as with `each`; of the keys that have calls that left."""
    found = _each(connection, groups, window, only, rolled.tallies, singles.tallies)
    took = {
        group: {key: Percentiles(*quantiles(tally.counts, 0.5, 0.95, 0.99)) for key, tally in of.items()}
        for group, of in found.items()
    }
    return {group: {key: one for key, one in of.items() if one != Percentiles()} for group, of in took.items()}


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
    today, clock = now // DAY * DAY, now % DAY
    hour = clock // HOUR * HOUR
    days = [today - number * DAY for number in range(1, WEEK + 1)]
    parts = [((day, day + DAY), (day, day + hour), (day + hour, day + hour + HOUR)) for day in days]
    windows = [Window.of(*part) for of_day in parts for part in of_day]
    so_far, *found = over(connection, [Window.of(today, now), *windows], only)
    first = min((day for day, sums in zip(days, found[::3], strict=True) if _rows(sums)), default=today)
    cost, until_hour, in_hour = (sum(sums.cost for sums in found[part::3]) for part in range(3))
    until_now = until_hour + in_hour * (clock - hour) / HOUR
    share = until_now / cost if until_now else clock / DAY
    of_today = round(so_far.cost / share) if share else so_far.cost
    return Projection(int(today - first) // DAY, cost, so_far.cost, of_today, _rows(so_far))


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
    told = {group: () if group is None else (group,) for group in groups if group != "day"}
    rolled_up = {group: columns for group, columns in told.items() if only.rolled_up and group != "user"}
    found: dict[str | None, dict[str, _T]] = {}
    for read, some in ((of_rollups, rolled_up), (of_calls, told.keys() - rolled_up.keys())):
        if some:
            [of] = read(connection, [window], only.values, [told[group] for group in some])
            found |= {group: of[told[group]] for group in some}
    if "day" in groups:
        days = window.steps(DAY)
        by_day = (of_rollups if only.rolled_up else of_calls)(connection, tuple(days.values()), only.values, [()])
        found["day"] = {day_named(day): of[()][""] for day, of in zip(days, by_day, strict=True) if of[()]}
    return found


def _totals(sums: Mapping[str, int]) -> dict[str, Totals]:
    """Of the keys that have any."""
    return {key: Totals(*unpacked(one)) for key, one in sums.items() if one}
