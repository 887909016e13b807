"""Which sums answer a question, and the statement that reads them.

Statements are put together as text: there are many kinds of questions, and to compile each takes longer than to answer
it. Only numbers and names of columns of ours are written into it; what was asked for is bound. Tables are joined in the
order in which they are named, each looked up by the key of what is before it: SQLite does so where joins are `CROSS`,
PostgreSQL where it is told to (`database.reading`).
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from spanledger.ledger.questions.filters import Wanted, Window
from spanledger.ledger.schema import MANY, SUMS
from spanledger.ledger.sums.cuts import FINEST, MINUTE, for_question
from spanledger.ledger.sums.spans import spans

#: Columns that are told apart together; where there are none, everything is one.
Group = tuple[str, ...]
#: The number of a window, a grain, a cut, a beginning, and whether the sum is added or taken away.
Cell = tuple[int, int, int, int, int]
_CELL = ("number", "grain", "cut", "at", "sign")

#: SQLite is told to find places first from 3.35 on. An older one, as Python of RHEL 9 has it, knows no word for that.
_FIRST = "AS MATERIALIZED" if sqlite3.sqlite_version_info >= (3, 35) else "AS"


class Table(NamedTuple):
    """A table of rollups: what is read of a row; what of the rows of a combination together, where they add up."""

    name: str
    values: str
    added: str | None


def _rollups(added: str) -> Table:
    return Table("rollups", ", ".join(f"r.{name}" for name in SUMS), ", ".join(added.format(name) for name in SUMS))


#: By the kind of database. PostgreSQL adds whole numbers up to one of another type. SQLite keeps a sum that has no room
#: in 64 bits as a float, which must not be taken for a whole number.
ROLLUPS = {
    "postgresql": _rollups("CAST(SUM(d.sign * r.{}) AS BIGINT)"),
    "sqlite": _rollups("SUM(d.sign * r.{})"),
}
LATENCIES = Table("latencies", "r.bins", None)


@dataclass(frozen=True, slots=True)
class Plan:
    """Which sums answer.

    `coarse` are of cuts that tell the columns of a question apart and no more, `finest` of that which tells all apart.
    `opened` is not closed, and read by the minute: the number of a window, a beginning and an end. `whose` are the
    groups that take what is read of a cut (with grain 0), or of the finest cut by a grain.
    """

    coarse: set[Cell]
    finest: set[Cell]
    opened: list[tuple[int, int, int]]
    whose: defaultdict[tuple[int, int], set[Group]]

    @classmethod
    def of(cls, windows: Sequence[Window], closed: int, wanted: Wanted, groups: Collection[Group]) -> Plan:
        """For windows, of which the minutes up to some second are closed."""
        plan = cls(set(), set(), [], defaultdict(set))
        plan.whose[FINEST, MINUTE].update(groups)
        told = {group: frozenset({*wanted, *group}) for group in groups}
        for number, window in enumerate(windows):
            if (opened := max(window.since, closed)) < window.until:
                plan.opened.append((number, opened, window.until - 1))
            for span in spans(window.since, min(window.until, closed)):
                for group in groups:
                    cut = for_question(span.grain, told[group])
                    there, grain = (plan.finest, span.grain) if cut == FINEST else (plan.coarse, 0)
                    there.update((number, span.grain, cut, at, span.sign) for at in span.ats)
                    plan.whose[cut, grain].add(group)
        return plan

    def statement(self, table: Table, told: Sequence[str], wanted: Wanted) -> str:
        """Rows of the number of a window, a cut, a grain, a sign, what is told apart, and what is read, if any is."""
        parts = [*self._coarse(table, told), *self._finest(table, told, wanted)]
        places = f"WITH places {_FIRST} ({_places(self.coarse, told, wanted)}) " if self.coarse else ""
        return f"{places}{' UNION ALL '.join(parts)}" if parts else ""

    def _coarse(self, table: Table, told: Sequence[str]) -> list[str]:
        if not self.coarse:
            return []
        head = ("d.number", "d.cut", "0", "1" if table.added else "d.sign", *told, table.added or table.values)
        key = "r.grain = d.grain AND r.cut = d.cut AND r.at = d.at AND r.dimension = d.id"
        together = f" GROUP BY {', '.join(('d.number', 'd.cut', 'd.id', *told))}" if table.added else ""
        return [_select(head, ("places d", f"{table.name} r"), key + together)]

    def _finest(self, table: Table, told: Sequence[str], wanted: Wanted) -> list[str]:
        having, parts = f"d.cut = {FINEST}{_having(wanted)}", []
        looked_up = f"d.id = r.dimension AND {having}"
        if any(name in MANY for name in wanted):  # few combinations have it: the others are not looked up one by one
            few = _select(("d.id",), ("dimensions d",), having)
            looked_up = f"(r.dimension IN ({few})) IS TRUE AND {looked_up}"
        if self.finest:
            head = ("s.number", str(FINEST), "s.grain", "s.sign", *told, table.values)
            key = "r.grain = s.grain AND r.cut = s.cut AND r.at = s.at"
            joined = (_values(_CELL, self.finest), f"{table.name} r", "dimensions d")
            parts.append(_select(head, joined, f"{key} AND {looked_up}"))
        if self.opened:
            head = ("s.number", str(FINEST), str(MINUTE), "1", *told, table.values)
            minutes = f"r.grain = {MINUTE} AND r.cut = {FINEST} AND r.at BETWEEN s.first AND s.last"
            joined = (_values(("number", "first", "last"), self.opened), f"{table.name} r", "dimensions d")
            parts.append(_select(head, joined, f"{minutes} AND {looked_up}"))
        return parts


def bound(wanted: Wanted) -> dict[str, str]:
    """What a statement has to be given."""
    return {_name(name, place): value for name, values in wanted.items() for place, value in enumerate(values)}


def _name(column: str, place: int) -> str:
    return f"{column}_{place}"


def _having(wanted: Wanted) -> str:
    """Of combinations."""
    lists = {name: ", ".join(f":{_name(name, place)}" for place, _ in enumerate(of)) for name, of in wanted.items()}
    return "".join(f" AND d.{name} IN ({values})" for name, values in lists.items())


def _places(cells: Collection[Cell], told: Sequence[str], wanted: Wanted) -> str:
    """Cells with each of the combinations that are wanted of them."""
    head = (*(f"s.{name}" for name in _CELL), "d.id", *told)
    cuts = ", ".join(map(str, sorted({cut for _, _, cut, _, _ in cells})))
    wanted_of_them = f"d.cut IN ({cuts}) AND d.cut = s.cut{_having(wanted)}"
    return _select(head, (_values(_CELL, cells), "dimensions d"), wanted_of_them)


def _values(names: Sequence[str], rows: Collection[tuple[int, ...]]) -> str:
    """Numbers as a table; columns of VALUES are called so in all databases that the ledger knows."""
    columns = ", ".join(f"column{place} AS {name}" for place, name in enumerate(names, 1))
    return f"(SELECT {columns} FROM (VALUES {', '.join(map(str, sorted(rows)))}) v) s"  # noqa: S608 - only numbers


def _select(head: Sequence[str], joined: Sequence[str], where: str) -> str:
    return f"SELECT {', '.join(head)} FROM {' CROSS JOIN '.join(joined)} WHERE {where}"  # noqa: S608 - all of it is ours
