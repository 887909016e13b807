"""The tables that are taken along, each with how its rows are read, written down and brought back."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from sqlalchemy import JSON, Column, Connection, Engine, Table, select

from spanledger.ledger.dialect import found, put_new
from spanledger.ledger.entry import CacheEvent, Entry
from spanledger.ledger.exchange.checking import Columns, UnfitError, charged
from spanledger.ledger.exchange.rows import BATCH, entries, entry_of
from spanledger.ledger.schema import cache_events, calls, runs, scores
from spanledger.ledger.writes import insert_runs, row_of, storable, write

_T = TypeVar("_T")


class Score(NamedTuple):
    """What an evaluation said of a call or a run. `at` is nanoseconds since the epoch."""

    id: str
    at: int
    name: str
    value: float
    call: str | None = None
    run: str | None = None
    source: str | None = None
    comment: str | None = None


class KeptRun(NamedTuple):
    """A run as the ledger remembers it. Times are nanoseconds since the epoch."""

    id: str
    started: int
    ended: int
    service: str | None = None
    tenant: str | None = None
    user: str | None = None


class Carried(ABC, Generic[_T]):
    """A table that is taken along, as records. `name` is its own and its file's, `title` what its rows are called.

    `of_cells` and `of_line` raise UnfitError.
    """

    def __init__(self, table: Table, title: str, columns: Sequence[str]) -> None:
        self.name = table.name
        self.title = title
        self.columns = tuple(columns)
        self.types = {column.name: column.type for column in table.c}
        self.known = Columns(table)
        #: What a line of JSON says at least.
        self.least = self.known.needed

    @abstractmethod
    def rows(self, connection: Connection, since: int, until: int) -> Iterator[_T]:
        """The records of a span of time (nanoseconds since the epoch), the earliest first."""

    @abstractmethod
    def cells(self, record: _T) -> dict[str, Any]:
        """A record by column, as CSV and Parquet take it."""

    @abstractmethod
    def of_cells(self, cells: dict[str, Any]) -> _T:
        """The record of such cells, which may all be text."""

    @abstractmethod
    def line(self, record: _T) -> bytes:
        """A record as a line of JSON. It leaves out what is not known."""

    @abstractmethod
    def of_line(self, line: bytes) -> _T:
        """The record of such a line."""

    @abstractmethod
    def bring(self, engine: Engine, records: Sequence[_T]) -> int:
        """Take records into a database, those that are there once; returns how many were new."""

    def expect(self, names: Collection[str], needed: Collection[str]) -> None:
        """Whether columns of these names are of this table. Raises UnfitError."""
        told = set(names)
        likely = max(TABLES, key=lambda one: (len(told.intersection(one.columns)), -len(one.columns)))
        if likely is not self and likely.least <= told:
            raise UnfitError(f"these are {likely.title}, not {self.title}; say --table {likely.name}")
        if lacking := [name for name in self.columns if name in needed and name not in told]:
            raise UnfitError(f"for {self.title} it lacks {', '.join(lacking)}")


def said_in(line: bytes) -> dict[str, Any]:
    """The object of a line of JSON. Raises UnfitError."""
    try:
        said = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UnfitError(f"this is no JSON ({error})") from None
    if not isinstance(said, dict):
        raise UnfitError("this is no JSON object")
    return said


class Calls(Carried[Entry]):
    """Calls and lost attempts, each with what budgets were charged for it."""

    def __init__(self) -> None:
        super().__init__(calls, "calls", (*calls.c.keys(), "charges"))
        self.least = frozenset(name for name in Entry._fields if name not in Entry._field_defaults)

    def rows(self, connection: Connection, since: int, until: int) -> Iterator[Entry]:
        """The entries of a span of time."""
        return entries(connection, since, until)

    def cells(self, record: Entry) -> dict[str, Any]:
        """JSON is text in a cell."""
        row = row_of(record)
        told = {name: json.dumps(row[name]) for name in _JSON if row[name] is not None}
        paid = json.dumps(record.charges) if record.charges else None
        return {**{name: row[name] for name in self.known.names}, **told, "charges": paid}

    def of_cells(self, cells: dict[str, Any]) -> Entry:
        """The entry of cells."""
        paid = cells.get("charges")
        return entry_of(self.known.read(cells), charged(_json(paid)) if paid else ())

    def line(self, record: Entry) -> bytes:
        """As in the outbox."""
        return record.line()

    def of_line(self, line: bytes) -> Entry:
        """The entry of a line."""
        try:
            entry = Entry.read(line)
            row = row_of(entry)
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            self.expect(said_in(line), self.least)
            raise UnfitError(f"it cannot be read ({error})") from None
        self.known.check(row)
        charged(entry.charges)
        return entry

    def bring(self, engine: Engine, records: Sequence[Entry]) -> int:
        """With the sums and the runs that follow from them."""
        return write(engine, records)


class Plain(Carried[_T]):
    """A table whose records have its columns and no more. `at` says when a row was."""

    def __init__(self, table: Table, title: str, record: Callable[..., _T], at: Column[int]) -> None:
        super().__init__(table, title, table.c.keys())
        self._table, self._record, self._at = table, record, at

    def rows(self, connection: Connection, since: int, until: int) -> Iterator[_T]:
        """The records of a span of time."""
        wanted = select(self._table).where(self._at >= since, self._at < until).order_by(self._at, self._table.c.id)
        found = connection.execution_options(yield_per=BATCH).execute(wanted).mappings()
        return (self._record(**row) for row in found)

    def cells(self, record: _T) -> dict[str, Any]:
        """By column."""
        return {name: getattr(record, name) for name in self.columns}

    def of_cells(self, cells: dict[str, Any]) -> _T:
        """The record of cells."""
        return self._record(**self.known.read(cells))

    def line(self, record: _T) -> bytes:
        """By column."""
        said = {name: value for name, value in self.cells(record).items() if value is not None}
        return json.dumps(said).encode() + b"\n"

    def of_line(self, line: bytes) -> _T:
        """The record of a line."""
        said = said_in(line)
        self.expect(said, self.least)
        row = {name: said.get(name) for name in self.columns}
        self.known.check(row)
        return self._record(**row)

    def bring(self, engine: Engine, records: Sequence[_T]) -> int:
        """Each id once."""
        cells = [tuple(map(storable, self.cells(record).values())) for record in records]
        by_id = {row[0]: row for row in cells}
        with engine.begin() as connection:
            return self._put(connection, [by_id[id_] for id_ in sorted(by_id)])

    def _put(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> int:
        return len(put_new(connection, self._table, self.columns, rows))


class Events(Plain[CacheEvent]):
    """Events of caches."""

    def bring(self, engine: Engine, records: Sequence[CacheEvent]) -> int:
        """With the sums that follow from them."""
        return write(engine, records)


class Runs(Plain[KeptRun]):
    """Runs. One that is there spans afterwards what both say; whose it is stays as it was."""

    def _put(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> int:
        there = found(connection, runs, ("id",), "id", [row[:1] for row in rows])
        insert_runs(connection, rows)
        return len(rows) - len(there)


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


_JSON = tuple(column.name for column in calls.c if isinstance(column.type, JSON))
CALLS = Calls()
#: In the order in which they are brought: a run is there before its calls, which would tell less of it.
TABLES: tuple[Carried[Any], ...] = (
    Runs(runs, "runs", KeptRun, runs.c.started),
    CALLS,
    Events(cache_events, "cache events", CacheEvent, cache_events.c.at),
    Plain(scores, "scores", Score, scores.c.at),
)
