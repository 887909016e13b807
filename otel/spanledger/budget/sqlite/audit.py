"""The table of changes by hand and of halts. It only grows: triggers in the schema see to it."""

from __future__ import annotations

import sqlite3

from spanledger.budget.store import Counter, Entry


def write(connection: sqlite3.Connection, entry: Entry) -> None:
    """Add an entry."""
    connection.execute(
        "INSERT INTO audit (at, counter, action, amount, reason, who) VALUES (?, ?, ?, ?, ?, ?)",
        (entry.at, entry.counter.key, entry.action, entry.amount, entry.reason, entry.who),
    )


def read(connection: sqlite3.Connection) -> list[Entry]:
    """All of them, oldest first."""
    rows = connection.execute("SELECT at, counter, action, amount, reason, who FROM audit ORDER BY id")
    return [Entry(at, Counter.of(key), action, amount, reason, who) for at, key, action, amount, reason, who in rows]
