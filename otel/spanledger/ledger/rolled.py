"""Reading rollups: a window is taken apart into spans of time, each read in the coarsest cut that answers.

Several groups are asked for at once: what takes longest to read are the minutes at the ends of a window, of which only
the finest cut is kept, and these are read once for all groups. It is one statement, so that it sees one moment.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, text

from spanledger.ledger import mark
from spanledger.ledger.bins import Tally
from spanledger.ledger.cuts import WEEK
from spanledger.ledger.filters import Wanted, Window
from spanledger.ledger.packing import packed
from spanledger.ledger.plans import LATENCIES, ROLLUPS, Group, Plan, Table, bound, columns
from spanledger.ledger.spans import Span, spans

#: The values of a group's columns: a text where it is one column, a tuple where there are several, empty where none.
#: Of steps when one begins, in seconds since the epoch.
Key = Any
Sums = dict[Group, defaultdict[Key, int]]
Tallies = dict[Group, defaultdict[Key, Tally]]
#: Groups and keys that something counts under, whether it is added or taken away, and what it is.
_Row = tuple[list[tuple[Group, Key]], int, tuple[Any, ...]]


def sums(connection: Connection, window: Window, wanted: Wanted, groups: Collection[Group]) -> Sums:
    """The sums of each group by key, `packed`. An hour or a day has to be a whole number of steps, or they of it."""
    found: Sums = {group: defaultdict(int) for group in groups}
    for keys, sign, values in _rows(connection, ROLLUPS, window, wanted, groups):
        one = sign * packed(values)
        for group, key in keys:
            found[group][key] += one
    return found


def tallies(connection: Connection, window: Window, wanted: Wanted, groups: Collection[Group]) -> Tallies:
    """The latencies of each group by key."""
    found: Tallies = {group: defaultdict(Tally) for group in groups}
    for keys, sign, (bins,) in _rows(connection, LATENCIES, window, wanted, groups):
        for group, key in keys:
            found[group][key].add(bins, sign)
    return found


def inside(connection: Connection, window: Window, most: int = WEEK) -> tuple[list[Span], Window]:
    """What a window is made of as far as it is closed, and the rest of it, which is to be read by the minute."""
    closed = mark.seen(connection)
    return spans(window.since, min(window.until, closed), most), Window(max(window.since, closed), window.until)


def _rows(
    connection: Connection, table: Table, window: Window, wanted: Wanted, groups: Collection[Group]
) -> Iterator[_Row]:
    """All groups of columns at once, and steps apart, which are of no longer spans of time than they are."""
    if together := [group for group in groups if not isinstance(group, int)]:
        yield from _read(connection, table, window, wanted, together, WEEK)
    for length in groups:
        if isinstance(length, int):
            yield from _read(connection, table, window, wanted, [length], length)


def _read(
    connection: Connection, table: Table, window: Window, wanted: Wanted, groups: Sequence[Group], most: int
) -> Iterator[_Row]:
    plan = Plan.of(*inside(connection, window, most), wanted, groups)
    names = sorted({name for group in groups for name in columns(group)})
    told = [f"r.at - r.at % {group}" for group in groups if isinstance(group, int)] or [f"d.{name}" for name in names]
    statement = plan.statement(table, told, wanted)
    if not statement:
        return
    takers = {read: [(group, _key(group, names)) for group in whose] for read, whose in plan.whose.items()}
    first = 3 + len(told)
    for row in connection.execute(text(statement), bound(wanted)).tuples().all():
        yield [(group, key(row)) for group, key in takers[row[0], row[1]]], row[2], row[first:]


def _key(group: Group, names: Sequence[str]) -> Callable[[Sequence[Any]], Key]:
    """What reads the key from a row: what is told apart comes fourth and after."""
    if isinstance(group, int):
        return itemgetter(3)
    return itemgetter(*(3 + names.index(name) for name in group)) if group else lambda _: ""
