"""The same sums as the rollups keep, made of single calls: for questions about users, of whom no sums are kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from math import gcd
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Connection, and_, case, func, literal_column, select

from spanledger.ledger.overflow import adding_up
from spanledger.ledger.questions.filters import ALL, Filter, Wanted, Window, column_of, during, having
from spanledger.ledger.questions.plans import Group
from spanledger.ledger.questions.results import Totals
from spanledger.ledger.questions.rolled import Key, Sums, Tallies, nothing
from spanledger.ledger.schema import SUMS, calls
from spanledger.ledger.sums.bins import Tally
from spanledger.ledger.sums.packing import packed, unpacked
from spanledger.ledger.sums.sketch import bin_of
from spanledger.money import NANO

_ROW = calls.c
_CALL = _ROW.kind == "call"
#: Seconds that all calls began within: no ledger is older than the epoch.
_EVER = 2**33
_LEFT = and_(_CALL, _ROW.status != "refused")


def sums(connection: Connection, windows: Sequence[Window], wanted: Wanted, groups: Collection[Group]) -> list[Sums]:
    """Of each window the sums of each group by key, as `rolled.sums`."""
    found = nothing(windows, groups, int)
    parts = _Parts.of(windows)
    for group in groups:
        told = [parts.number, *_keys(group)]
        asked = select(*told, *_added_up()).where(during(parts.whole), *having(wanted)).group_by(*told)
        with adding_up():
            rows = connection.execute(asked).all()
        for part, *row in rows:
            key, one = _key(row[: len(group)]), packed(_numbers(row[len(group) :]))
            for window in parts.of_windows.get(part, ()):
                found[window][group][key] += one
    return found


def tallies(
    connection: Connection, windows: Sequence[Window], wanted: Wanted, groups: Collection[Group]
) -> list[Tallies]:
    """Of each window the latencies of each group by key, as `rolled.tallies`."""
    found = nothing(windows, groups, Tally)
    parts = _Parts.of(windows)
    for group in groups:
        took = select(parts.number, _ROW.ended - _ROW.started, *_keys(group))
        asked = took.where(during(parts.whole), _LEFT, *having(wanted))
        for part, nanoseconds, *key in connection.execute(asked):
            for window in parts.of_windows.get(part, ()):
                found[window][group][_key(key)].count(bin_of(nanoseconds))
    return found


class _Parts(NamedTuple):
    """Equal spans of time that windows are made of, by number: so calls are read once, whatever the windows.

    The ends of `whole`, which has all windows in it, need not be ends of such a span.
    """

    whole: Window
    length: int
    of_windows: Mapping[int, Sequence[int]]

    @classmethod
    def of(cls, windows: Sequence[Window]) -> _Parts:
        ends = [end for window in windows for end in (window.since, window.until)] or [0]
        whole = Window(min(ends), max(ends))
        length = gcd(*{*ends} - {whole.since, whole.until}) or _EVER
        of_windows: defaultdict[int, list[int]] = defaultdict(list)
        for number, window in enumerate(windows):
            for at in range(window.since // length * length, window.until, length):
                of_windows[at // length].append(number)
        return cls(whole, length, of_windows)

    @property
    def number(self) -> ColumnElement[Any]:
        """That of the part that a call began in."""
        return _ROW.started // literal_column(str(self.length * NANO), BigInteger)


def of_trace(connection: Connection, trace_id: str, only: Filter = ALL) -> Totals:
    """The calls of a trace together, however many they are. Raises SumError where a sum has more than 64 bits."""
    asked = select(*_added_up()).where(_ROW.trace_id == trace_id, *having(only.values))
    with adding_up():
        row = connection.execute(asked).one()
    return Totals(*unpacked(packed(_numbers(row))))


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
