"""The same sums as the rollups keep, made of single calls: for questions about users, of whom no sums are kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, literal_column, select

from spanledger.ledger.bins import Tally
from spanledger.ledger.filters import ALL, Filter, Wanted, Window, column_of, during, having
from spanledger.ledger.packing import packed
from spanledger.ledger.plans import Group
from spanledger.ledger.results import Totals
from spanledger.ledger.rolled import Key, Sums, Tallies
from spanledger.ledger.schema import SUMS, calls
from spanledger.ledger.sketch import bin_of

_ROW = calls.c
_CALL = _ROW.kind == "call"
_LEFT = and_(_CALL, _ROW.status != "refused")


def sums(connection: Connection, windows: Sequence[Window], wanted: Wanted, groups: Collection[Group]) -> list[Sums]:
    """Of each window the sums of each group by key, as `rolled.sums`."""
    return [{group: _sums(connection, window, wanted, group) for group in groups} for window in windows]


def tallies(
    connection: Connection, windows: Sequence[Window], wanted: Wanted, groups: Collection[Group]
) -> list[Tallies]:
    """Of each window the latencies of each group by key, as `rolled.tallies`."""
    return [{group: _tallies(connection, window, wanted, group) for group in groups} for window in windows]


def of_trace(connection: Connection, trace_id: str, only: Filter = ALL) -> Totals:
    """The calls of a trace together, however many they are."""
    asked = select(*_added_up()).where(_ROW.trace_id == trace_id, *having(only.values))
    return Totals(*_numbers(connection.execute(asked).one()))


def _sums(connection: Connection, window: Window, wanted: Wanted, group: Group) -> defaultdict[Key, int]:
    found: defaultdict[Key, int] = defaultdict(int)
    keys = _keys(group)
    asked = select(*keys, *_added_up()).where(during(window), *having(wanted))
    for row in connection.execute(asked.group_by(*keys) if keys else asked):
        found[_key(row[: len(keys)])] = packed(_numbers(row[len(keys) :]))
    return found


def _tallies(connection: Connection, window: Window, wanted: Wanted, group: Group) -> defaultdict[Key, Tally]:
    found: defaultdict[Key, Tally] = defaultdict(Tally)
    asked = select(_ROW.ended - _ROW.started, *_keys(group)).where(during(window), _LEFT, *having(wanted))
    for nanoseconds, *key in connection.execute(asked):
        found[_key(key)].count(bin_of(nanoseconds))
    return found


def _numbers(row: Iterable[Any]) -> tuple[int, ...]:
    return tuple(int(value or 0) for value in row)


def _keys(group: Group) -> list[ColumnElement[Any]]:
    return [func.coalesce(column_of(name), literal_column("''")) for name in group]


def _key(values: Collection[Any]) -> Key:
    if len(values) == 1:
        return next(iter(values))
    return tuple(values) if values else ""


def _added_up() -> list[ColumnElement[Any]]:
    """The sums over rows of calls, in their order."""

    def count(*wanted: ColumnElement[bool]) -> ColumnElement[Any]:
        return func.sum(case((and_(*wanted), 1), else_=0))

    def sum_if(wanted: ColumnElement[bool], value: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.sum(case((wanted, value), else_=0))

    counted = {
        "calls": count(_LEFT),
        "refused": count(_CALL, _ROW.status == "refused"),
        "errors": count(_CALL, _ROW.status == "error"),
        "timeouts": count(_CALL, _ROW.status == "timeout"),
        "lost": count(_ROW.kind == "attempt"),
        "cost_provider": sum_if(_ROW.cost_source == "provider", _ROW.cost),
        "cost_estimated": sum_if(_ROW.estimated, _ROW.cost),
        "priced": count(_ROW.price_status == "priced"),
        "unpriced": count(_ROW.price_status == "unpriced"),
        "duration": sum_if(_LEFT, _ROW.ended - _ROW.started),
    }
    return [counted[name] if name in counted else func.sum(_ROW[name]) for name in SUMS]
