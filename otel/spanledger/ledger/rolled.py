"""Reading rollups: a window is taken apart into spans of time, each read in the coarsest cut that answers.

The statements are put together as text. There are many kinds of questions, and to compile each takes longer than to
answer it. Only numbers and names of columns of ours are written into it; what was asked for is bound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from spanledger.ledger import mark
from spanledger.ledger.cuts import FINEST, MINUTE, TEN, WEEK, for_question
from spanledger.ledger.filters import Filter, Window
from spanledger.ledger.spans import spans

#: What is grouped by: a dimension, the beginnings of spans of so many seconds, or nothing.
Group = str | int | None
#: Columns of many values: few combinations have two that were asked for.
MANY = ("stage", "model", "tenant")
#: A statement for a grain, a sign, and the times that are asked for as SQL has them.
Part = Callable[[int, int, str], str]
#: A key, whether what follows is added or taken away, and that.
Row = tuple[Any, ...]


#: How rows are read of combinations that are looked up, one by one.
_LOOKED_UP = "FROM dimensions"


class _Table(NamedTuple):
    """What is read of a table of rollups, and whether its rows are added up by key."""

    name: str
    columns: str
    summed: bool


_BINS = _Table("latencies", "r.bins", summed=False)


@lru_cache
def _sums(names: tuple[str, ...]) -> _Table:
    return _Table("rollups", ", ".join(f"SUM(r.{name})" for name in names), summed=True)


def sums(connection: Connection, window: Window, only: Filter, group: Group, names: tuple[str, ...]) -> Iterator[Row]:
    """Rows of a key, a sign and these sums. A key may come more than once."""
    return _rows(connection, _sums(names), window, only, group)


def bins(connection: Connection, window: Window, only: Filter, group: str | None) -> Iterator[Row]:
    """Rows of a key, a sign and packed bins."""
    return _rows(connection, _BINS, window, only, group)


def read(connection: Connection, window: Window, part: Part, bound: dict[str, str], most: int = WEEK) -> Iterable[Row]:
    """What the parts of a window come to.

    What is not closed is read by the minute. It is one statement for all of them, so that it sees one moment.
    """
    closed = mark.seen(connection)
    inside = spans(window.since, min(window.until, closed), most)
    parts = [part(span.grain, span.sign, f"IN ({', '.join(map(str, span.ats))})") for span in inside]
    opened = max(window.since, closed)
    if opened < window.until:
        parts.append(part(MINUTE, 1, f"BETWEEN {opened} AND {window.until - 1}"))
    return connection.execute(text(" UNION ALL ".join(parts)), bound).tuples().all() if parts else ()


def rows_of(table: str, told: Iterable[str], bound: Iterable[str], grain: int, at: str) -> str:
    """Where rows of a table of rollups are read from: of these times, in the coarsest cut that tells columns apart.

    `bound` are those of the columns that have to be what is bound by their names. Where there are few combinations each
    is looked up in each span of time: a left join keeps SQLite to that order.
    """
    cut = for_question(grain, frozenset(told))
    there = f"r.grain = {grain} AND r.cut = {cut} AND r.at {at}"
    combined = "".join([f"d.cut = {cut}", *(f" AND d.{name} = :{name}" for name in bound)])
    if not told:
        return f"FROM {table} r WHERE {there}"
    if cut == FINEST and not (grain > TEN and sum(name in MANY for name in bound) > 1):
        return f"FROM {table} r JOIN dimensions d ON r.dimension = d.id WHERE {there} AND {combined}"
    return f"{_LOOKED_UP} d LEFT JOIN {table} r ON {there} AND r.dimension = d.id WHERE {combined}"


def _rows(connection: Connection, table: _Table, window: Window, only: Filter, group: Group) -> Iterator[Row]:
    """Rows of a table of rollups."""
    bound = only.wanted
    told = {*bound, group} if isinstance(group, str) else {*bound}
    key = "''" if group is None else f"d.{group}" if isinstance(group, str) else f"r.at - r.at % {group}"

    def part(grain: int, sign: int, at: str) -> str:
        rows = rows_of(table.name, told, bound, grain, at)
        asked = f"SELECT {key}, {sign}, {table.columns} {rows}"
        if not table.summed or group is None:
            return asked
        in_turn = isinstance(group, str) and rows.startswith(_LOOKED_UP)  # nothing has to be sorted
        return f"{asked} GROUP BY {'d.cut, d.id' if in_turn else '1'}"

    rows = read(connection, window, part, bound, group if isinstance(group, int) else WEEK)
    return (row for row in rows if row[2] is not None)  # in some spans of time there was nothing to add up
