"""The table of changes by hand and of halts. It only grows: triggers in the schema see to it."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
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
    """The last entries before an id, the latest first, of the counters of these prefixes; each with its id.

    Prefixes of one length are a list: SQLite takes no thousand conditions beside each other.
    """
    by_length: defaultdict[int, list[str]] = defaultdict(list)
    for prefix in of:
        by_length[len(prefix)].append(prefix)
    lists = {length: ", ".join("?" * len(some)) for length, some in by_length.items()}
    own = " OR ".join(f"substr(counter || ?, 1, {length}) IN ({places})" for length, places in lists.items()) or "FALSE"
    wanted = [text for some in by_length.values() for text in (Counter.prefix(""), *some)]
    asked = f"{_ENTRIES} WHERE ({own}) AND id < ? ORDER BY id DESC LIMIT ?"
    rows = connection.execute(asked, (*wanted, _LAST if before is None else before, number))
    return [(row[0], _entry(row)) for row in rows]


def _entry(row: tuple[int, float, str, Action, int | None, str, str]) -> Entry:
    _, at, key, action, amount, reason, who = row
    return Entry(at, Counter.of(key), action, amount, reason, who)
