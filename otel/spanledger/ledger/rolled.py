"""Reading rollups: a window taken apart into days, hours and minutes, each read in the coarsest cut that answers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Select, Table, TextClause, and_, literal, select, text

from spanledger.ledger.cuts import DAY, FINEST, HOUR, MANY, MINUTE, for_question
from spanledger.ledger.filters import Filter, Window
from spanledger.ledger.schema import SUMS, dimensions, latencies, rollups

#: Spelled out once: there are many kinds of questions, and each would have to compile these.
_SUMMED = text(", ".join(f"SUM(rollups.{name})" for name in SUMS))
_BINS = text("latencies.bins")
#: Groups of time: the beginnings of whole ones.
_TIMES: dict[str | None, ColumnElement[Any]] = {
    "day": rollups.c.at - rollups.c.at % DAY,
    "hour": rollups.c.at - rollups.c.at % HOUR,
}
_ALL = literal("")
_Rows = Select[Any] | CompoundSelect[Any]


def sums(window: Window, only: Filter, group: str | None) -> _Rows | None:
    """Statement for rows of a key and the sums; None for a window of no time.

    A key may come more than once, and with sums that are NULL where there was nothing to add up.
    """
    parts = []
    for grain, ats in _spans(window, HOUR if group == "hour" else DAY):
        cut = for_question(grain, _told(only, group))
        key = _TIMES[group] if group in _TIMES else _key(group)
        part = _read(rollups, (grain, cut, ats), only, group, [key, _SUMMED])
        parts.append(part if group is None else part.group_by(key))
    return _together(parts)


def bins(window: Window, only: Filter, group: str | None) -> _Rows | None:
    """The same for rows of a key and packed bins."""
    return _together(
        [
            _read(latencies, (grain, cut, ats), only, group, [_key(group), _BINS])
            for grain, ats in _spans(window, DAY)
            for cut in (for_question(grain, _told(only, group), latencies=True),)
        ]
    )


def _spans(window: Window, most: int) -> list[tuple[int, list[int]]]:
    """By grain, no longer than `most`, the beginnings of the spans of time that a window is made of."""
    found: defaultdict[int, list[int]] = defaultdict(list)
    for grain, first, last in window.pieces(most):
        found[grain] += range(first, last, grain)
    return sorted(found.items())


def _together(parts: Sequence[Select[Any]]) -> _Rows | None:
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else parts[0].union_all(*parts[1:])


def _told(only: Filter, group: str | None) -> frozenset[str]:
    return frozenset({*only.names, group} - {None, *_TIMES})  # type: ignore[arg-type]


def _key(group: str | None) -> ColumnElement[Any]:
    return _ALL if group is None else dimensions.c[group]


def _read(
    table: Table,
    spans: tuple[int, int, list[int]],
    only: Filter,
    group: str | None,
    columns: list[ColumnElement[Any] | TextClause],
) -> Select[Any]:
    """Rows of a table of rollups: grain, cut and beginnings are given.

    Where there are few combinations each is looked up in each span of time: a left join keeps SQLite to that order.
    """
    grain, cut, ats = spans
    row = table.c
    asked = select(*columns)
    there = and_(row.grain == grain, row.cut == cut, row.at.in_(ats))
    if (group is None or group in _TIMES) and not only.names:
        return asked.select_from(table).where(there)
    of_it = row.dimension == dimensions.c.id
    wanted = and_(dimensions.c.cut == cut, *only.of_rollups())
    if cut != FINEST or (grain != MINUTE and sum(name in MANY for name in only.names) > 1):
        return asked.select_from(dimensions.outerjoin(table, and_(there, of_it))).where(wanted)
    return asked.select_from(table.join(dimensions, of_it)).where(there, wanted)
