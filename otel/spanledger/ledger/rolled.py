"""Reading rollups: a window is taken apart into spans of time, each read in the coarsest cut that answers.

The statements are put together as text. There are many kinds of questions, and to compile each takes longer than to
answer it. Only numbers and names of columns of ours are written into it; what was asked for is bound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from spanledger.ledger import closing
from spanledger.ledger.cuts import FINEST, MINUTE, TEN, WEEK, for_question
from spanledger.ledger.filters import Filter, Window
from spanledger.ledger.schema import SUMS
from spanledger.ledger.spans import spans

#: What is grouped by: a dimension, the beginnings of spans of so many seconds, or nothing.
Group = str | int | None
#: Columns of many values: few combinations have two that were asked for.
MANY = ("stage", "model", "tenant")
#: A statement for a grain, a sign, and the times that are asked for as SQL has them.
Part = Callable[[int, int, str], str]
#: A key, whether what follows is added or taken away, and that.
Row = tuple[Any, ...]


class _Table(NamedTuple):
    """What is read of a table of rollups, and whether its rows are added up by key."""

    name: str
    columns: str
    summed: bool


_SUMS = _Table("rollups", ", ".join(f"SUM(r.{name})" for name in SUMS), summed=True)
_BINS = _Table("latencies", "r.bins", summed=False)


def sums(connection: Connection, window: Window, only: Filter, group: Group) -> Iterator[Row]:
    """Rows of a key, a sign and the sums. A key may come more than once."""
    return _rows(connection, _SUMS, window, only, group)


def bins(connection: Connection, window: Window, only: Filter, group: str | None) -> Iterator[Row]:
    """Rows of a key, a sign and packed bins."""
    return _rows(connection, _BINS, window, only, group)


def read(
    connection: Connection,
    window: Window,
    part: Callable[[int, int, str], str],
    bound: dict[str, str],
    most: int = WEEK,
) -> Iterable[Row]:
    """What the parts of a window come to: `part` makes a statement of a grain, a sign and the times that are asked for.

    What is not closed is read by the minute. It is one statement for all of them, so that it sees one moment.
    """
    closed = closing.closed(connection)
    inside = spans(max(window.since, closed.first), min(window.until, closed.until), most)
    parts = [part(span.grain, span.sign, f"IN ({', '.join(map(str, span.ats))})") for span in inside]
    opened = max(window.since, closed.until)
    if opened < window.until:
        parts.append(part(MINUTE, 1, f"BETWEEN {opened} AND {window.until - 1}"))
    return map(tuple, connection.execute(text(" UNION ALL ".join(parts)), bound)) if parts else ()


def _rows(connection: Connection, table: _Table, window: Window, only: Filter, group: Group) -> Iterator[Row]:
    """Rows of a table of rollups.

    Where there are few combinations each is looked up in each span of time: a left join keeps SQLite to that order.
    """
    bound = only.wanted
    told = frozenset(bound) | ({group} if isinstance(group, str) else frozenset())
    wanted = "".join(f" AND d.{name} = :{name}" for name in bound)
    key = "''" if group is None else f"d.{group}" if isinstance(group, str) else f"r.at - r.at % {group}"
    end = " GROUP BY 1" if table.summed and group is not None else ""

    def part(grain: int, sign: int, at: str) -> str:
        cut = for_question(grain, told)
        found = f"SELECT {key}, {sign}, {table.columns} FROM "  # noqa: S608  numbers and names of ours
        there = f"r.grain = {grain} AND r.cut = {cut} AND r.at {at}"
        if not told:
            return f"{found}{table.name} r WHERE {there}{end}"
        combined, of_it = f"d.cut = {cut}{wanted}", "r.dimension = d.id"
        if cut == FINEST and not (grain > TEN and sum(name in MANY for name in bound) > 1):
            return f"{found}{table.name} r JOIN dimensions d ON {of_it} WHERE {there} AND {combined}{end}"
        return f"{found}dimensions d LEFT JOIN {table.name} r ON {there} AND {of_it} WHERE {combined}{end}"

    rows = read(connection, window, part, bound, group if isinstance(group, int) else WEEK)
    return (row for row in rows if row[2] is not None)  # in some spans of time there was nothing to add up
