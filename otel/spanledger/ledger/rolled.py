"""Reading rollups: a window is taken apart into spans of time, each read in the coarsest cut that answers.

Several groups are asked for at once: what takes longest to read are the minutes at the ends of a window, of which only
the finest cut is kept, and these are read once for all groups. It is one statement, so that it sees one moment.
Statements are put together as text: there are many kinds of questions, and to compile each takes longer than to answer
it. Only numbers and names of columns of ours are written into it; what was asked for is bound.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from spanledger.ledger import mark
from spanledger.ledger.bins import Tally
from spanledger.ledger.cuts import FINEST, MINUTE, WEEK, for_question
from spanledger.ledger.filters import Wanted, Window
from spanledger.ledger.packing import packed
from spanledger.ledger.schema import SUMS
from spanledger.ledger.spans import Span, spans

#: Columns that are told apart together (where there are none, everything is one), or steps of so many seconds.
Group = tuple[str, ...] | int
#: The values of a group's columns: a text where it is one column, a tuple where there are several, empty where none.
#: Of steps when one begins, in seconds since the epoch.
Key = Any
Sums = dict[Group, defaultdict[Key, int]]
Tallies = dict[Group, defaultdict[Key, Tally]]


class _Table(NamedTuple):
    """A table of rollups: what is read of a row; what of the rows of a combination together, where they add up."""

    name: str
    values: str
    added: str | None


_ADDED = ", ".join(f"CAST(SUM(s.sign * r.{name}) AS BIGINT)" for name in SUMS)
_ROLLUPS = _Table("rollups", ", ".join(f"r.{name}" for name in SUMS), _ADDED)
_LATENCIES = _Table("latencies", "r.bins", None)


def sums(connection: Connection, window: Window, wanted: Wanted, groups: Collection[Group]) -> Sums:
    """The sums of each group by key, `packed`. An hour or a day has to be a whole number of steps, or they of it."""
    found: Sums = {group: defaultdict(int) for group in groups}
    for keys, sign, values in _rows(connection, _ROLLUPS, window, wanted, groups):
        one = sign * packed(values)
        for group, key in keys:
            found[group][key] += one
    return found


def tallies(connection: Connection, window: Window, wanted: Wanted, groups: Collection[Group]) -> Tallies:
    """The latencies of each group by key."""
    found: Tallies = {group: defaultdict(Tally) for group in groups}
    for keys, sign, (bins,) in _rows(connection, _LATENCIES, window, wanted, groups):
        for group, key in keys:
            found[group][key].add(bins, sign)
    return found


def inside(connection: Connection, window: Window, most: int = WEEK) -> tuple[list[Span], Window]:
    """What a window is made of as far as it is closed, and the rest of it, which is to be read by the minute."""
    closed = mark.seen(connection)
    return spans(window.since, min(window.until, closed), most), Window(max(window.since, closed), window.until)


@dataclass(frozen=True, slots=True)
class _Plan:
    """Which sums answer. A cell is a grain, a cut, a beginning, and whether it is added or taken away.

    `coarse` are of cuts that tell the columns of a question apart and no more, `finest` of that which tells all apart.
    `whose` are the groups that take what is read of a cut (with grain 0), or of the finest cut by a grain.
    """

    coarse: set[tuple[int, int, int, int]]
    finest: set[tuple[int, int, int, int]]
    whose: defaultdict[tuple[int, int], set[Group]]

    @classmethod
    def of(cls, parts: Sequence[Span], wanted: Wanted, groups: Collection[Group]) -> _Plan:
        """For some groups."""
        plan = cls(set(), set(), defaultdict(set))
        plan.whose[FINEST, MINUTE].update(groups)
        for group in groups:
            told = frozenset({*wanted, *_columns(group)})
            for span in parts:
                cut = for_question(span.grain, told)
                there, grain = (plan.finest, span.grain) if cut == FINEST else (plan.coarse, 0)
                there.update((span.grain, cut, at, span.sign) for at in span.ats)
                plan.whose[cut, grain].add(group)
        return plan


def _columns(group: Group) -> tuple[str, ...]:
    return () if isinstance(group, int) else group


#: Groups and keys that something counts under, whether it is added or taken away, and what it is.
_Row = tuple[list[tuple[Group, Key]], int, tuple[Any, ...]]


def _rows(
    connection: Connection, table: _Table, window: Window, wanted: Wanted, groups: Collection[Group]
) -> Iterator[_Row]:
    """All groups of columns at once, and steps apart, which are of no longer spans of time than they are."""
    if columns := [group for group in groups if not isinstance(group, int)]:
        yield from _read(connection, table, window, wanted, columns, WEEK)
    for length in groups:
        if isinstance(length, int):
            yield from _read(connection, table, window, wanted, [length], length)


def _read(
    connection: Connection, table: _Table, window: Window, wanted: Wanted, groups: Sequence[Group], most: int
) -> Iterator[_Row]:
    closed, opened = inside(connection, window, most)
    plan = _Plan.of(closed, wanted, groups)
    names = sorted({name for group in groups for name in _columns(group)})
    told = [f"r.at - r.at % {group}" for group in groups if isinstance(group, int)] or [f"d.{name}" for name in names]
    asked = _asked(table, plan, opened, told, _wanted(wanted))
    if not asked:
        return
    takers = {read: [(group, _key(group, names)) for group in whose] for read, whose in plan.whose.items()}
    first = 3 + len(told)
    bound = {_name(name, place): value for name, values in wanted.items() for place, value in enumerate(values)}
    for row in connection.execute(text(asked), bound).tuples().all():
        yield [(group, key(row)) for group, key in takers[row[0], row[1]]], row[2], row[first:]


def _key(group: Group, names: Sequence[str]) -> Callable[[Sequence[Any]], Key]:
    """What reads the key from a row: what is told apart comes fourth and after."""
    if isinstance(group, int):
        return itemgetter(3)
    return itemgetter(*(3 + names.index(name) for name in group)) if group else lambda _: ""


def _wanted(wanted: Wanted) -> str:
    """Combinations that have the values, as a condition."""
    lists = {name: ", ".join(f":{_name(name, place)}" for place, _ in enumerate(of)) for name, of in wanted.items()}
    return "".join(f" AND d.{name} IN ({values})" for name, values in lists.items())


def _name(column: str, place: int) -> str:
    return f"{column}_{place}"


def _asked(table: _Table, plan: _Plan, opened: Window, told: Sequence[str], wanted: str) -> str:
    """The statement. SQLite joins in the order in which the tables are named; each other is looked up by its key."""
    asked = []
    key = "r.grain = s.grain AND r.cut = s.cut AND r.at = s.at"
    if plan.coarse:
        head = ("s.cut", "0", "1" if table.added else "s.sign", *told, table.added or table.values)
        joined = (_cells(plan.coarse), "dimensions d", f"{table.name} r")
        together = f" GROUP BY {', '.join(('s.cut', 'd.cut', 'd.id', *told))}" if table.added else ""
        asked.append(_select(head, joined, f"d.cut = s.cut{wanted} AND {key} AND r.dimension = d.id{together}"))
    looked_up = f"d.cut = {FINEST} AND d.id = r.dimension{wanted}"
    if plan.finest:
        head = (str(FINEST), "s.grain", "s.sign", *told, table.values)
        joined = (_cells(plan.finest), f"{table.name} r", "dimensions d")
        asked.append(_select(head, joined, f"{key} AND {looked_up}"))
    if opened.since < opened.until:
        head = (str(FINEST), str(MINUTE), "1", *told, table.values)
        minutes = f"r.grain = {MINUTE} AND r.cut = {FINEST} AND r.at BETWEEN {opened.since} AND {opened.until - 1}"
        asked.append(_select(head, (f"{table.name} r", "dimensions d"), f"{minutes} AND {looked_up}"))
    return " UNION ALL ".join(asked)


def _select(head: Sequence[str], joined: Sequence[str], where: str) -> str:
    return f"SELECT {', '.join(head)} FROM {' CROSS JOIN '.join(joined)} WHERE {where}"  # noqa: S608 - all of it is ours


def _cells(cells: set[tuple[int, int, int, int]]) -> str:
    """As a table; columns of VALUES have these names in all databases that the ledger knows."""
    columns = ", ".join(f"column{place} AS {name}" for place, name in enumerate(("grain", "cut", "at", "sign"), 1))
    return f"(SELECT {columns} FROM (VALUES {', '.join(map(str, sorted(cells)))}) v) s"  # noqa: S608 - only numbers
