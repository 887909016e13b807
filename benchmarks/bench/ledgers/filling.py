"""A ledger of millions of calls in minutes: the ledger writes a week of them, and the database copies the week.

What is copied is what the ledger wrote, rows and sums, moved in time; sums of whole days move with their rows, so they
are what the ledger would have made of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Select, Table, insert, literal, select, text

from bench.ledgers.week import BEGIN, DAY, DAYS, cache_events, entries
from spanledger.ledger import schema
from spanledger.ledger.entry import Entry
from spanledger.ledger.schema import cache_rollups, calls, latencies, rollups, runs
from spanledger.ledger.sums.closing import close_all
from spanledger.ledger.writes import BATCH, write
from spanledger.money import NANO

#: Sums of minutes that are closed at a time: nobody waits for it.
AT_ONCE = 100_000
#: The weeks of a ledger: ninety days and one.
WEEKS = 13
END = BEGIN + WEEKS * DAYS * DAY
#: What a copy of a row says otherwise: times move, names get the week's number.
_TIMES = {"calls": ("started", "first_chunk", "ended"), "runs": ("started", "ended"), "cache_events": ("at",)}
_NAMES = ("id", "run", "trace_id")


def fill(engine: Engine, count: int) -> None:
    """So many calls over thirteen weeks."""
    written = entries(count // WEEKS)
    while batch := list(islice(written, BATCH)):
        write(engine, batch)
    write(engine, list(cache_events(count // WEEKS // 10)))
    close_all(engine, END + DAY, AT_ONCE)
    indexes = [index for table in (calls, runs, schema.cache_events) for index in table.indexes]
    for index in indexes:
        index.drop(engine)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "sqlite":  # nothing of it has to survive the machine
            for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -400000"):
                connection.exec_driver_sql(f"PRAGMA {pragma}")
        for week in range(1, WEEKS):
            _copy(connection, week)
    for index in indexes:
        index.create(engine)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


def _copy(connection: Connection, week: int) -> None:
    for table in (calls, runs, schema.cache_events):
        times = _TIMES[table.name]
        shift = week * DAYS * DAY * NANO
        columns = [_moved(column, times, shift, week) for column in table.c]
        first = table.c[times[0]]
        _insert(connection, table, select(*columns).where(first < (BEGIN + DAYS * DAY) * NANO))
    for table in (rollups, latencies, cache_rollups):
        shift = week * DAYS * DAY
        columns = [column + literal(shift) if column.name == "at" else column for column in table.c]
        _insert(connection, table, select(*columns).where(table.c.at < BEGIN + DAYS * DAY))


def _moved(column: ColumnElement[Any], times: Iterable[str], shift: int, week: int) -> ColumnElement[Any]:
    name = getattr(column, "name", "")
    if name in times:
        return column + literal(shift)
    return literal(f"{week:02x}") + column if name in _NAMES else column


def _insert(connection: Connection, table: Table, rows: Select[Any]) -> None:
    connection.execute(insert(table).from_select(list(table.c.keys()), rows))


def live(count: int, at: float) -> list[Entry]:
    """Calls that all come within seconds, as under the heaviest load."""
    began = int(at) * NANO
    found = []
    for number, entry in enumerate(entries(count, seed=3)):
        moved = began + number * NANO // 5000
        found.append(
            entry._replace(id=f"{began:x}-{entry.id}", started=moved, ended=moved + entry.ended - entry.started)
        )
    return found
