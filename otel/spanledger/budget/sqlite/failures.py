"""What SQLite's error codes mean to somebody who runs an app, and the way out."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from spanledger.budget.store import StoreError

#: Somebody else is at it, and will be done.
BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})

_LOCKS_FAIL = "locks do not work there; the store needs a local file system, or use redis://"
_MEANING = {
    sqlite3.SQLITE_BUSY: "another process keeps it locked",
    sqlite3.SQLITE_LOCKED: "another process keeps it locked",
    sqlite3.SQLITE_FULL: "the disk is full; free some space",
    sqlite3.SQLITE_READONLY: "it is read-only; this user must be able to write the file and its directory",
    sqlite3.SQLITE_PERM: "it is read-only; this user must be able to write the file and its directory",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; this user must be able to write the file and its directory",
    sqlite3.SQLITE_CORRUPT: "it is damaged; move it away and what was spent starts from 0, or put a copy in its place",
    sqlite3.SQLITE_NOTADB: "it is no database; move it away, or name another file in SPANLEDGER_STORE",
    sqlite3.SQLITE_PROTOCOL: _LOCKS_FAIL,
    sqlite3.SQLITE_NOLFS: "the file system does not take files of that size",
    sqlite3.SQLITE_IOERR: "reading or writing failed; look for a full disk, a size limit or a broken file system",
}
_OF_LOCKS = frozenset(
    {
        sqlite3.SQLITE_IOERR_LOCK,
        sqlite3.SQLITE_IOERR_RDLOCK,
        sqlite3.SQLITE_IOERR_UNLOCK,
        sqlite3.SQLITE_IOERR_CHECKRESERVEDLOCK,
        sqlite3.SQLITE_IOERR_SHMLOCK,
        sqlite3.SQLITE_IOERR_SHMMAP,
        sqlite3.SQLITE_IOERR_SHMOPEN,
    }
)


def code(error: BaseException) -> int:
    """The primary result code of an error of SQLite; 0 where it has none."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def told(path: Path, error: BaseException) -> StoreError:
    """A failure as `StoreError`: which file, what is the matter, what to do."""
    if getattr(error, "sqlite_errorcode", 0) in _OF_LOCKS:
        meaning = _LOCKS_FAIL
    else:
        meaning = _MEANING.get(code(error), "it cannot be used")
    detail = error.strerror if isinstance(error, OSError) else error
    return StoreError(f"budget store {path}: {meaning} ({detail})")
