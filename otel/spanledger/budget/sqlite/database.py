"""The file: one connection for each process, opened when it is needed and again when the trouble is over.

Transactions survive the death of the process at any instant (`synchronous=NORMAL`: what is written is with the
kernel). A power failure may take the last seconds with it, never more than that and never the order of things.

**Forks.** SQLite remembers in memory which locks the process has. A forked child inherits that memory and not the
locks, so that even a connection of its own runs unlocked, and two writers spoil the file. Hence the connection is
closed before a fork and opened anew by whoever needs it, on either side.
"""

from __future__ import annotations

import logging
import os
import random
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from spanledger.budget import forks
from spanledger.budget.sqlite import schema
from spanledger.budget.sqlite.failures import BUSY, code, told
from spanledger.budget.store import StoreError

log = logging.getLogger("spanledger")

#: Seconds that a transaction waits for others.
PATIENCE = 5.0
#: The same while nobody got through since one waited for all of that in vain: event loops wait here, too.
IMPATIENCE = 0.05
#: Seconds between two attempts to get the lock: at first, at most. Short, because a transaction takes 0.1 ms.
_PAUSES = 0.000_05, 0.005
#: Pages of the log after which a commit writes them to the file itself, with a sync that takes milliseconds.
_CHECKPOINT = 4000


class Database:
    """A file, and this process's connection to it. A transaction commits at the end of its `with` block.

    Everything that can go wrong with a file is raised as StoreError, and the block is rolled back.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._pid = os.getpid()
        self._still = False
        self._vain = False
        forks.tell(self)

    def writing(self) -> AbstractContextManager[sqlite3.Connection]:
        """A transaction that changes something: one at a time, among all processes."""
        return self._transaction("BEGIN IMMEDIATE")

    def reading(self) -> AbstractContextManager[sqlite3.Connection]:
        """A transaction that sees one state of things, whatever others write meanwhile."""
        return self._transaction("BEGIN", "SELECT 1 FROM counters LIMIT 1")

    @contextmanager
    def _transaction(self, *begin: str) -> Iterator[sqlite3.Connection]:
        if not self._lock.acquire(timeout=PATIENCE):
            raise StoreError(f"budget store {self.path}: another thread has kept it for {PATIENCE:.0f} s")
        try:
            connection = self._opened()
            self._patiently(connection, *begin)
            yield connection
            connection.execute("COMMIT")
            self._vain = False
        except BaseException as error:
            self._vain = self._vain or (isinstance(error, sqlite3.Error) and code(error) in BUSY)
            self._failed(error)
            if isinstance(error, (sqlite3.Error, OSError, OverflowError, UnicodeError)):
                raise told(self.path, error) from error
            raise
        finally:
            self._lock.release()

    def close(self) -> None:
        """Close the connection; it is opened again when it is needed."""
        with self._lock:
            self._drop()

    def before_fork(self) -> None:
        """Wait for the transaction that is open, and close."""
        self._still = self._lock.acquire(timeout=PATIENCE)
        if self._still:
            self._drop()

    def in_parent(self) -> None:
        """Go on."""
        if self._still:
            self._lock.release()

    def in_child(self) -> None:
        """Begin anew, unless a transaction of the parent was open all the time."""
        if self._still:
            self._pid = os.getpid()
        self._lock = threading.Lock()

    def _opened(self) -> sqlite3.Connection:
        if self._connection is not None:
            if self._pid != os.getpid():
                raise StoreError(f"budget store {self.path}: the process was forked while it was in use; fork earlier")
            if self._file == _identity(self.path):
                return self._connection
            self._drop()
            log.warning(
                "spanledger budget store %s was removed or replaced: spent is what the new file says", self.path
            )
        self._pid = os.getpid()
        self._connection = self._open()
        self._file = _identity(self.path)
        return self._connection

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            # SQLite gives the files beside it the same mode.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        where = f"file:{quote(str(self.path))}?mode=rw"
        connection = sqlite3.connect(where, uri=True, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        ready = self._ready(connection)
        if self._patiently(connection, "PRAGMA journal_mode = WAL") != ("wal",):
            raise StoreError(f"budget store {self.path}: the file system cannot share it among processes; use redis://")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT}")
        if not ready:
            self._patiently(connection, "BEGIN IMMEDIATE")
            if not self._ready(connection):
                schema.create(connection)
            connection.execute("COMMIT")

    def _ready(self, connection: sqlite3.Connection) -> bool:
        standing = self._patiently(connection, schema.STANDING)
        try:
            return schema.is_ready(*standing)
        except StoreError as error:
            raise StoreError(f"budget store {self.path} {error}") from None

    def _patiently(self, connection: sqlite3.Connection, *statements: str) -> tuple[Any, ...]:
        """Execute; what another process stands in the way of is tried again. The first row of the last answer."""
        until = time.monotonic() + (IMPATIENCE if self._vain else PATIENCE)
        pause, answer = _PAUSES[0], ()
        for statement in statements:
            while True:
                try:
                    answer = connection.execute(statement).fetchone() or ()
                    break
                except sqlite3.OperationalError as error:
                    if code(error) not in BUSY or time.monotonic() > until:
                        raise
                time.sleep(random.uniform(0, pause))
                pause = min(2 * pause, _PAUSES[1])
        return answer

    def _failed(self, error: BaseException) -> None:
        """Roll back. A connection that failed for more than a lock is not used again."""
        if self._connection is None or self._pid != os.getpid():
            return
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            self._drop()
        if isinstance(error, sqlite3.Error) and code(error) not in BUSY:
            self._drop()

    def _drop(self) -> None:
        if self._connection is not None and self._pid == os.getpid():
            connection, self._connection = self._connection, None
            with suppress(sqlite3.Error):
                connection.close()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116  twice as quick, and done for every transaction
    except OSError:
        return None
    return found.st_dev, found.st_ino
