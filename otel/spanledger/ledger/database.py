"""From a URL to an engine of SQLAlchemy, set up the way the ledger needs it."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from opentelemetry.instrumentation.utils import suppress_instrumentation
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DataError, IntegrityError, NoSuchModuleError
from sqlalchemy.pool import NullPool, QueuePool

from spanledger.budget import opening as budgets
from spanledger.errors import ConfigError, failed
from spanledger.ledger.entry import Line
from spanledger.ledger.migrate import ready
from spanledger.ledger.retention import Keep
from spanledger.ledger.upkeep import Upkeep
from spanledger.ledger.writes import write

_FORMS = "sqlite:///absolute/path.sqlite or postgresql://user:password@host/database"
#: Seconds that a writer waits for others.
_PATIENCE = 5
#: How long a server may take to be reached (seconds) and to acknowledge what it was sent (milliseconds): one that has
#: gone without a word keeps nobody for longer. The URL may say otherwise.
_REACH = {"connect_timeout": str(_PATIENCE), "tcp_user_timeout": "15000"}
#: What a writer's statement sees: all that is over by then, so that who waited for others adds to what they left. A
#: server may have been told otherwise.
_SEES = "READ COMMITTED"
#: How a server reads: what questions ask for is looked up by key. It takes that for more than it is, and would rather
#: read all combinations into a hash, or compile the statement, which takes longer than the answer.
_PLANS = "; ".join(
    f"SET LOCAL {name}"
    for name in ("join_collapse_limit = 1", "enable_hashjoin = off", "enable_mergejoin = off", "jit = off")
)
#: What is kept where nobody said anything.
FOR_LONG = Keep()
#: What a database says to a row that it cannot take, however often it is asked.
_UNTAKABLE = (DataError, IntegrityError, ValueError, OverflowError)


def parsed(url: str) -> URL:
    """The URL of a database that the ledger can be in.

    Raises:
        ConfigError: it is none. A password in it is not repeated.
    """
    if (file := budgets.file_of(url, "SPANLEDGER_DATABASE_URL")) is not None:
        return URL.create("sqlite", database=str(file))
    try:
        found = make_url(url)
    except ArgumentError:
        raise ConfigError(f"SPANLEDGER_DATABASE_URL: this is no URL of a database; give {_FORMS}") from None
    backend = found.get_backend_name()
    if backend in ("postgres", "postgresql"):
        reach = {name: value for name, value in _REACH.items() if name not in found.query}
        return found.set(drivername="postgresql+psycopg").update_query_dict(reach)
    raise ConfigError(f"SPANLEDGER_DATABASE_URL: {backend!r} is no database that the ledger knows; give {_FORMS}")


def engine(url: str, kept: int = 0) -> Engine:
    """An engine. It keeps no connections, so that forks and idle apps keep none either; a server has so many `kept`.

    Raises:
        ConfigError: the URL names no database, or one whose driver is not installed.
    """
    found = parsed(url)
    server = {} if found.get_backend_name() == "sqlite" else {"isolation_level": _SEES}
    try:
        made = create_engine(found, **(_pooled(kept) if kept else {"poolclass": NullPool}), **server)
    except (ImportError, NoSuchModuleError) as error:
        raise ConfigError(
            f"SPANLEDGER_DATABASE_URL: PostgreSQL needs a driver: pip install 'spanledger[postgres]' ({error})"
        ) from error
    if made.dialect.name == "sqlite":
        event.listen(made, "do_connect", _private)
        event.listen(made, "connect", _prepared)
        event.listen(made, "begin", _begun)
    return made


def _pooled(kept: int) -> dict[str, Any]:
    """More connections than that are closed after use. One that the server has dropped is noticed and replaced."""
    return {"poolclass": QueuePool, "pool_size": kept, "pool_timeout": _PATIENCE, "pool_pre_ping": True}


def _private(_dialect: Any, _record: Any, args: Any, _options: Any) -> None:
    """A new file is for its owner alone; SQLite gives the files beside it the same mode."""
    path = Path(args[0])
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _prepared(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin where we say, tables included
    _patiently(connection, "PRAGMA journal_mode = WAL")
    for pragma in (
        f"busy_timeout = {_PATIENCE * 1000}",
        "synchronous = NORMAL",
        "foreign_keys = ON",
        "temp_store = MEMORY",
        "cache_size = -32000",  # KiB: what a batch changes is not written before its end
    ):
        connection.execute(f"PRAGMA {pragma}")


def _patiently(connection: sqlite3.Connection, statement: str) -> None:
    """SQLite does not wait by itself for the locks that this takes."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            connection.execute(statement)
            return
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
        time.sleep(random.uniform(0, 0.01))


def _begun(connection: Connection) -> None:
    """A transaction that may write takes the lock at once: one that reads first could not get it any more."""
    options = connection.get_execution_options()
    if options.get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql("BEGIN" if options.get("reads") else "BEGIN IMMEDIATE")


@contextmanager
def reading(made: Engine) -> Iterator[Connection]:
    """A connection that sees the ledger as it is at one moment, and keeps no writer waiting. It is not traced."""
    with suppress_instrumentation(), made.connect().execution_options(reads=True) as connection:
        if made.dialect.name == "postgresql":
            connection.execution_options(isolation_level="REPEATABLE READ")
            connection.exec_driver_sql(_PLANS)
        yield connection


class Sink:
    """Takes entries and events into the database of an engine, with the tables made first where that is ours to do.

    What is older than `keep` says is forgotten by whoever calls `tidy`.
    """

    def __init__(self, engine: Engine, keep: Keep = FOR_LONG) -> None:
        self._engine = engine
        self._upkeep = Upkeep(engine, keep)
        with suppress_instrumentation():
            ready(self._engine)

    def __call__(self, lines: Sequence[Line]) -> None:
        """Take them all but those that the database never takes; these are counted and logged once."""
        with suppress_instrumentation():
            self._take(lines)

    def tidy(self) -> bool:
        """Forget some of what is too old, if that is due; whether there may be more. Raises what the database does."""
        with suppress_instrumentation():
            return self._upkeep.step()

    def _take(self, lines: Sequence[Line]) -> None:
        try:
            write(self._engine, lines)
        except _UNTAKABLE as error:
            if len(lines) == 1:
                failed("ledger", error)
                return
            half = len(lines) // 2
            self._take(lines[:half])
            self._take(lines[half:])
