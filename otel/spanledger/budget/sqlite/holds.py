"""The table of holds, open and ended: the journal that counters are checked against.

Every function works inside a transaction that somebody else begins and ends.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter as Sums
from collections.abc import Iterator
from typing import NamedTuple

from spanledger.budget.retention import DAY
from spanledger.budget.store import Counter, Gap, Hold, HoldState

#: Seconds that a hold is remembered after its end: until then a second settlement is known as one, and a late one
#: replaces the charge. Later its charge is but part of its counters.
KEPT = DAY

_PRESENT = """
SELECT EXISTS (SELECT 1 FROM holds WHERE id = ?), EXISTS (SELECT 1 FROM holds WHERE ended IS NULL AND expires <= ?)"""
_COLUMNS = "SELECT id, state, owner, expires, counters, amounts, charged FROM holds"


class Kept(NamedTuple):
    """A hold as it stands in the table, its counters as keys."""

    id: str
    state: HoldState
    owner: str
    expires: float
    keys: list[str]
    amounts: list[int]
    charged: list[int] | None = None

    @property
    def over(self) -> bool:
        """Whether nothing can become of it any more; an expired one may still be settled."""
        return self.state in ("settled", "released")


def present(connection: sqlite3.Connection, hold: str, now: float) -> tuple[bool, bool]:
    """Whether a hold is known, and whether any open one is overdue."""
    known, overdue = connection.execute(_PRESENT, (hold, now)).fetchone()
    return bool(known), bool(overdue)


def find(connection: sqlite3.Connection, hold: str) -> Kept | None:
    """A hold, whatever became of it."""
    row = connection.execute(f"{_COLUMNS} WHERE id = ?", (hold,)).fetchone()
    return _kept(row) if row else None


def overdue(connection: sqlite3.Connection, now: float) -> list[Kept]:
    """The open holds whose time is over."""
    return [_kept(row) for row in connection.execute(f"{_COLUMNS} WHERE ended IS NULL AND expires <= ?", (now,))]


def write(connection: sqlite3.Connection, kept: Kept, now: float) -> None:
    """Write a hold down as it stands now."""
    connection.execute(
        "INSERT OR REPLACE INTO holds (id, state, owner, expires, ended, counters, amounts, charged) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            kept.id,
            kept.state,
            kept.owner,
            kept.expires,
            None if kept.state == "open" else now,
            json.dumps(kept.keys),
            json.dumps(kept.amounts),
            None if kept.charged is None else json.dumps(kept.charged),
        ),
    )


def unsettled(connection: sqlite3.Connection) -> list[Hold]:
    """The open and the expired holds, the first to expire first."""
    rows = connection.execute(f"{_COLUMNS} WHERE state IN ('open', 'expired') ORDER BY expires")
    return [_told(_kept(row)) for row in rows]


def fold(connection: sqlite3.Connection, number: int, now: float) -> int:
    """Forget up to `number` holds that ended long ago; their charges stay, in their counters' base. How many."""
    rows = connection.execute("SELECT id, counters, charged FROM holds WHERE ended < ? LIMIT ?", (now - KEPT, number))
    gone, sums = [], Sums[str]()
    for hold, keys, charged in rows:
        gone.append((hold,))
        for key, amount in zip(json.loads(keys), json.loads(charged), strict=True):
            sums[key] += amount
    connection.executemany(
        "UPDATE counters SET base = base + ? WHERE key = ?", [(amount, key) for key, amount in sums.items()]
    )
    connection.executemany("DELETE FROM holds WHERE id = ?", gone)
    return len(gone)


def gaps(connection: sqlite3.Connection) -> Iterator[Gap]:
    """Where counters are not what base and holds add up to."""
    committed, held = Sums[str](), Sums[str]()
    for keys, amounts, charged in connection.execute("SELECT counters, amounts, charged FROM holds"):
        figure, numbers = (held, amounts) if charged is None else (committed, charged)
        for key, amount in zip(json.loads(keys), json.loads(numbers), strict=True):
            figure[key] += amount
    counted = {row[0]: row[1:] for row in connection.execute("SELECT key, committed, held, base FROM counters")}
    for key in counted.keys() | committed.keys() | held.keys():
        spent, holding, base = counted.get(key, (0, 0, 0))
        if spent != base + committed[key]:
            yield Gap(Counter.of(key), "committed", spent, base + committed[key])
        if holding != held[key]:
            yield Gap(Counter.of(key), "held", holding, held[key])


def _kept(row: tuple[str, HoldState, str, float, str, str, str | None]) -> Kept:
    hold, state, owner, expires, keys, amounts, charged = row
    ended = None if charged is None else json.loads(charged)
    return Kept(hold, state, owner, expires, json.loads(keys), json.loads(amounts), ended)


def _told(kept: Kept) -> Hold:
    counters = tuple(Counter.of(key) for key in kept.keys)
    charged = None if kept.charged is None else tuple(kept.charged)
    return Hold(kept.id, counters, tuple(kept.amounts), kept.expires, kept.owner, kept.state, charged)
