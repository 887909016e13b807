"""The tables of the file, and how a file is known to be ours."""

from __future__ import annotations

import sqlite3

from spanledger.budget.store import StoreError

#: "spld": who made the file.
APPLICATION = 0x73706C64
#: Raised with every change of the tables; a file of a later version is left alone.
VERSION = 2

# Sums that leave 64 bits become floating point in SQLite; the checks refuse such a change.
# Of a counter, `base` is what was committed by hand, and by holds that are no longer in the table: base and the holds
# that are there add up to the counter. `warned` is the highest amount a warning was given for.
# Of a hold, `counters`, `amounts` and `charged` are JSON arrays of the same order; `ended` is NULL while it is open.
_TABLES = """
CREATE TABLE counters (
  key       TEXT PRIMARY KEY,
  committed INTEGER NOT NULL DEFAULT 0 CHECK (typeof(committed) = 'integer'),
  held      INTEGER NOT NULL DEFAULT 0 CHECK (typeof(held) = 'integer'),
  raised    INTEGER,
  halted    INTEGER NOT NULL DEFAULT 0,
  refused   INTEGER NOT NULL DEFAULT 0,
  warned    INTEGER NOT NULL DEFAULT -1,
  base      INTEGER NOT NULL DEFAULT 0 CHECK (typeof(base) = 'integer'),
  touched   REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE holds (
  id       TEXT PRIMARY KEY,
  state    TEXT NOT NULL,
  owner    TEXT NOT NULL,
  expires  REAL NOT NULL,
  ended    REAL,
  counters TEXT NOT NULL,
  amounts  TEXT NOT NULL,
  charged  TEXT
) WITHOUT ROWID;
CREATE INDEX due ON holds (ended, expires);
CREATE TABLE audit (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  at      REAL NOT NULL,
  counter TEXT NOT NULL,
  action  TEXT NOT NULL,
  amount  INTEGER,
  reason  TEXT NOT NULL,
  who     TEXT NOT NULL
);
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit only grows'); END;
CREATE TRIGGER audit_is_not_cut BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit only grows'); END;
"""
#: What version 2 has beside the tables of version 1.
_NOTES = """
CREATE TABLE notes (
  key     TEXT PRIMARY KEY,
  value   TEXT NOT NULL,
  expires REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX past ON notes (expires);
"""
#: What a file is, all at one moment: another process may be making the tables just now.
STANDING = """
SELECT (SELECT user_version FROM pragma_user_version), (SELECT application_id FROM pragma_application_id),
  EXISTS (SELECT 1 FROM sqlite_master)
"""


def is_ready(version: int, application: int, used: int) -> bool:
    """By what `STANDING` answers, whether all tables are there; False where `create` makes those that are not.

    Raises:
        StoreError: the file is not for us.
    """
    if (version, application) == (VERSION, APPLICATION):
        return True
    if application == APPLICATION and version > VERSION:
        raise StoreError(f"was made by a later spanledger (version {version}, this one knows {VERSION}): update it")
    if application == APPLICATION:
        return False
    if version or application or used:
        raise StoreError("is a database of something else; name another file in SPANLEDGER_STORE")
    return False


def create(connection: sqlite3.Connection) -> None:
    """Make the tables that are missing, inside the transaction that is open."""
    tables = _NOTES if _pragma(connection, "application_id") == APPLICATION else _TABLES + _NOTES
    statement = ""
    for line in tables.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            connection.execute(statement)
            statement = ""
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.execute(f"PRAGMA user_version = {VERSION}")


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
