"""What a question to the ledger is about: a span of time, and which calls in it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_

from spanledger.ledger.schema import calls, dimensions
from spanledger.ledger.sums.cuts import DAY as _DAY
from spanledger.ledger.sums.cuts import MINUTE as _MINUTE
from spanledger.money import NANO

#: Of each of these columns, values of which it has to have one.
Wanted = Mapping[str, Collection[str]]


@dataclass(frozen=True, slots=True)
class Window:
    """From `since` to before `until`, in seconds since the epoch, both whole minutes."""

    since: int
    until: int

    @classmethod
    def of(cls, since: float, until: float) -> Window:
        """The whole minutes that a span of time touches."""
        return cls(int(since // _MINUTE) * _MINUTE, int(-(-until // _MINUTE)) * _MINUTE)

    def steps(self, length: int) -> dict[int, Window]:
        """It in spans of so many seconds, by their beginnings; the first and the last may be cut."""
        begins = range(self.since // length * length, self.until, length)
        return {at: Window(max(at, self.since), min(at + length, self.until)) for at in begins}

    @property
    def days(self) -> float:
        """How long it is."""
        return (self.until - self.since) / _DAY


@dataclass(frozen=True, slots=True)
class Filter:
    """Only calls on which all of these agree; None is any, an empty text stands for calls where nothing was said."""

    service: str | None = None
    environment: str | None = None
    operation: str | None = None
    stage: str | None = None
    provider: str | None = None
    model: str | None = None
    tenant: str | None = None
    user: str | None = None
    status: str | None = None

    @property
    def rolled_up(self) -> bool:
        """Whether sums are kept of what it asks for; of single users none are."""
        return self.user is None

    @property
    def wanted(self) -> dict[str, str]:
        """What it asks for, by column."""
        return {f.name: value for f in fields(self) if (value := getattr(self, f.name)) is not None}

    @property
    def values(self) -> dict[str, tuple[str]]:
        """The same as values of which each of these columns has to have one."""
        return {name: (value,) for name, value in self.wanted.items()}

    @property
    def names(self) -> tuple[str, ...]:
        """What it asks about."""
        return tuple(self.wanted)

    def of_rollups(self) -> list[ColumnElement[bool]]:
        """As conditions on the combinations."""
        return [dimensions.c[name] == value for name, value in self.wanted.items()]

    def of_calls(self) -> list[ColumnElement[bool]]:
        """As conditions on rows."""
        return having(self.values)


ALL = Filter()


def column_of(name: str) -> ColumnElement[Any]:
    """The column of `calls` that a dimension is read from."""
    if name == "model":
        return func.coalesce(func.nullif(calls.c.request_model, ""), calls.c.response_model)
    return calls.c[name]


def having(wanted: Wanted) -> list[ColumnElement[bool]]:
    """Rows of calls of which each column has one of the values. What an index serves is left as plain as it serves."""
    return [_one_of(name, values) for name, values in wanted.items()]


def _one_of(name: str, values: Collection[str]) -> ColumnElement[bool]:
    """In a list, since SQLite takes no thousand conditions beside each other."""
    told = [value for value in values if value]
    said, nothing = column_of(name).in_(told), func.coalesce(column_of(name), "") == ""
    if len(told) == len(values):
        return said
    return or_(said, nothing) if told else nothing


def day_named(at: int) -> str:
    """The UTC day that begins at `at`, seconds since the epoch: 2026-11-22."""
    return datetime.fromtimestamp(at, UTC).date().isoformat()


def during(window: Window) -> ColumnElement[bool]:
    """The calls that began in a window."""
    return and_(calls.c.started >= window.since * NANO, calls.c.started < window.until * NANO)
