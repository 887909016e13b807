"""The table of changes by hand and of halts. It only grows: triggers in the schema see to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from spanledger.budget.store import Action, Counter, Entry

_ENTRIES = "SELECT id, at, counter, action, amount, reason, who FROM audit"
#: No id is larger.
_LAST = 2**63 - 1


def write(connection: sqlite3.Connection, entry: Entry) -> None:
    """Add an entry."""
    connection.execute(
        "INSERT INTO audit (at, counter, action, amount, reason, who) VALUES (?, ?, ?, ?, ?, ?)",
        (entry.at, entry.counter.key, entry.action, entry.amount, entry.reason, entry.who),
    )


def read(connection: sqlite3.Connection) -> list[Entry]:
    """All of them, oldest first."""
    return [_entry(row) for row in connection.execute(f"{_ENTRIES} ORDER BY id")]


def last(connection: sqlite3.Connection, of: Sequence[str], before: int | None, number: int) -> list[tuple[int, Entry]]:
    """The last entries before an id, the latest first, of the counters of these prefixes; each with its id."""
    own = " OR ".join(["instr(counter || ?, ?) = 1"] * len(of)) or "FALSE"
    wanted = [text for prefix in of for text in (Counter.prefix(""), prefix)]
    asked = f"{_ENTRIES} WHERE ({own}) AND id < ? ORDER BY id DESC LIMIT ?"
    rows = connection.execute(asked, (*wanted, _LAST if before is None else before, number))
    return [(row[0], _entry(row)) for row in rows]


def _entry(row: tuple[int, float, str, Action, int | None, str, str]) -> Entry:
    _, at, key, action, amount, reason, who = row
    return Entry(at, Counter.of(key), action, amount, reason, who)
