"""Reading rollups: a window is taken apart into spans of time, each read in the coarsest cut that answers.

Several groups are asked for at once: what takes longest to read are the minutes at the ends of a window, of which only
the finest cut is kept, and these are read once for all groups. So are several windows. It is one statement, so that it
sees one moment.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from operator import itemgetter
from typing import Any, TypeVar

from sqlalchemy import Connection, text

from spanledger.ledger.overflow import adding_up
from spanledger.ledger.questions.filters import Wanted, Window
from spanledger.ledger.questions.plans import LATENCIES, ROLLUPS, Group, Plan, Table, bound
from spanledger.ledger.sums import mark
from spanledger.ledger.sums.bins import Tally
from spanledger.ledger.sums.packing import packed

#: The values of a group's columns: a text where it is one column, a tuple where there are several, empty where none.
Key = Any
_T = TypeVar("_T")
Sums = dict[Group, defaultdict[Key, int]]
Tallies = dict[Group, defaultdict[Key, Tally]]
#: The number of a window, groups and keys that something counts under, whether it is added or taken away, and what.
_Row = tuple[int, list[tuple[Group, Key]], int, tuple[Any, ...]]


def nothing(
    windows: Sequence[Window], groups: Collection[Group], zero: Callable[[], _T]
) -> list[dict[Group, defaultdict[Key, _T]]]:
    """What every group of every window begins with: each key has `zero`."""
    return [{group: defaultdict(zero) for group in groups} for _ in windows]


def sums(connection: Connection, windows: Sequence[Window], wanted: Wanted, groups: Collection[Group]) -> list[Sums]:
    """Of each window the sums of each group by key, `packed`."""
    found = nothing(windows, groups, int)
    for window, keys, sign, values in _rows(connection, ROLLUPS[connection.dialect.name], windows, wanted, groups):
        one = sign * packed(values)
        for group, key in keys:
            found[window][group][key] += one
    return found


def tallies(
    connection: Connection, windows: Sequence[Window], wanted: Wanted, groups: Collection[Group]
) -> list[Tallies]:
    """Of each window the latencies of each group by key."""
    found = nothing(windows, groups, Tally)
    for window, keys, sign, (bins,) in _rows(connection, LATENCIES, windows, wanted, groups):
        for group, key in keys:
            found[window][group][key].add(bins, sign)
    return found


def _rows(
    connection: Connection, table: Table, windows: Sequence[Window], wanted: Wanted, groups: Collection[Group]
) -> Iterator[_Row]:
    plan = Plan.of(windows, mark.seen(connection), wanted, groups)
    names = sorted({name for group in groups for name in group})
    statement = plan.statement(table, [f"d.{name}" for name in names], wanted)
    if not statement:
        return
    takers = {read: [(group, _key(group, names)) for group in whose] for read, whose in plan.whose.items()}
    first = _TOLD + len(names)
    with adding_up():
        rows = connection.execute(text(statement), bound(wanted)).tuples().all()
    for row in rows:
        yield row[0], [(group, key(row)) for group, key in takers[row[1], row[2]]], row[3], row[first:]


#: Where in a row stands what is told apart.
_TOLD = 4


def _key(group: Group, names: Sequence[str]) -> Callable[[Sequence[Any]], Key]:
    """What reads the key from a row."""
    return itemgetter(*(_TOLD + names.index(name) for name in group)) if group else lambda _: ""
