"""The table of notes."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection

from spanledger.budget.sqlite.database import Database

#: Notes whose time is over that one writing clears away.
_CLEARED = 128

_CLEAR = "DELETE FROM notes WHERE key IN (SELECT key FROM notes WHERE expires <= ? LIMIT ?)"
_PUT = """
INSERT INTO notes (key, value, expires) VALUES (?1, ?2, ?3)
ON CONFLICT (key) DO UPDATE SET value = ?2, expires = ?3"""
_FIRST = """
INSERT INTO notes (key, value, expires) VALUES (?1, '', ?2)
ON CONFLICT (key) DO UPDATE SET value = '', expires = ?2 WHERE expires <= ?3"""
_PEEK = "SELECT value FROM notes WHERE key = ? AND expires > ?"
_DROP = "DELETE FROM notes WHERE key = ?"


class SqliteNotes:
    """Notes in the file of the counters. Every method does what `Notes` says."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def put(self, key: str, value: str, ttl: float) -> None:
        """Remember a value."""
        with self._database.writing() as connection:
            now = self._clock()
            _clear(connection, now)
            connection.execute(_PUT, (key, value, now + ttl))

    def peek(self, key: str) -> str | None:
        """What stands under the key."""
        with self._database.reading() as connection:
            row = connection.execute(_PEEK, (key, self._clock())).fetchone()
        return None if row is None else str(row[0])

    def take(self, key: str) -> str | None:
        """The same, once."""
        with self._database.writing() as connection:
            row = connection.execute(_PEEK, (key, self._clock())).fetchone()
            connection.execute(_DROP, (key,))
        return None if row is None else str(row[0])

    def first(self, keys: Collection[str], ttl: float) -> set[str]:
        """The keys that are new."""
        with self._database.writing() as connection:
            now = self._clock()
            _clear(connection, now)
            return {key for key in keys if connection.execute(_FIRST, (key, now + ttl, now)).rowcount}


def _clear(connection: sqlite3.Connection, now: float) -> None:
    """Forget what is over, a little at a time."""
    connection.execute(_CLEAR, (now, _CLEARED))
