"""The table of counters. Every function works inside a transaction that somebody else begins and ends."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import islice

from spanledger.budget.retention import DAY, past
from spanledger.budget.standing import Standing
from spanledger.budget.store import Claim, Counter, Denied, Figures

#: A run that nothing was charged to for so long is forgotten, in seconds.
RUNS = 90 * DAY

_CHANGE = """
INSERT INTO counters (key, committed, held, touched) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (key) DO UPDATE SET committed = committed + ?2, held = held + ?3, touched = ?4"""
_BY_HAND = """
INSERT INTO counters (key, committed, base, touched) VALUES (?1, ?2, ?2, ?3)
ON CONFLICT (key) DO UPDATE SET committed = committed + ?2, base = base + ?2, touched = ?3"""
_LIMIT = """
INSERT INTO counters (key, raised, touched) VALUES (?1, ?2, ?3)
ON CONFLICT (key) DO UPDATE SET raised = ?2, halted = 0, touched = ?3"""
_REFUSE = """
INSERT INTO counters (key, refused, halted, touched) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (key) DO UPDATE SET refused = refused + ?2, halted = max(halted, ?3), touched = ?4"""
_STANDING = "SELECT key, committed, held, raised, halted, warned FROM counters WHERE key = ?"
#: SQLite takes 500 parts of a compound statement.
_AT_ONCE = 100
_FIGURES = "SELECT key, committed, held, raised, halted, refused FROM counters"


def standings(connection: sqlite3.Connection, claims: Sequence[Claim]) -> dict[Counter, Standing]:
    """How the counters of these claims stand, and those of `also` that are there."""
    wanted = {claim.counter.key: claim.counter for claim in claims}
    for claim in claims:
        if claim.also:
            wanted.update({counter.key: counter for counter in claim.also})
    found = {}
    keys = iter(wanted)
    while some := tuple(islice(keys, _AT_ONCE)):
        for row in connection.execute(_asked(len(some)), some):
            found[wanted[row[0]]] = Standing(row[1], row[2], row[3], bool(row[4]), row[5])
    for claim in claims:
        if claim.counter not in found:
            found[claim.counter] = Standing()
    return found


@cache
def _asked(number: int) -> str:
    """So many look-ups in one statement; `IN` would sort the keys first and takes twice as long."""
    return " UNION ALL ".join([_STANDING] * number)


def change(connection: sqlite3.Connection, rows: Iterable[tuple[str, int, int]], now: float) -> None:
    """Add to what is committed and held, by key."""
    connection.executemany(_CHANGE, [(key, committed, held, now) for key, committed, held in rows])


def correct(connection: sqlite3.Connection, counter: Counter, delta: int, now: float) -> int:
    """Add by hand to what is committed, never below 0; what it came to."""
    row = connection.execute("SELECT committed FROM counters WHERE key = ?", (counter.key,)).fetchone()
    done = max(delta, -row[0] if row else 0)
    connection.execute(_BY_HAND, (counter.key, done, now))
    return done


def limit(connection: sqlite3.Connection, counter: Counter, raised: int | None, now: float) -> None:
    """Set or take away the limit that wins over the configured one, and end a halt."""
    connection.execute(_LIMIT, (counter.key, raised, now))


def refuse(connection: sqlite3.Connection, claims: Sequence[Claim], refusals: Iterable[Denied], now: float) -> None:
    """Count refusals, and halt where one is final."""
    asked = [(claims[denied.index], denied.halted) for denied in refusals]
    connection.executemany(_REFUSE, [(claim.counter.key, claim.counted, halted, now) for claim, halted in asked])


def count(connection: sqlite3.Connection, refused: Mapping[Counter, int], now: float) -> None:
    """Count refusals that were given elsewhere."""
    connection.executemany(_REFUSE, [(counter.key, number, False, now) for counter, number in refused.items()])


def warn(connection: sqlite3.Connection, given: Iterable[tuple[Counter, int]]) -> None:
    """Remember the warnings that were given."""
    rows = [(amount, counter.key) for counter, amount in given]
    connection.executemany("UPDATE counters SET warned = max(warned, ?) WHERE key = ?", rows)


def figures(connection: sqlite3.Connection) -> dict[Counter, Figures]:
    """Every counter."""
    return {Counter.of(row[0]): _figures(row) for row in connection.execute(_FIGURES)}


def figure(connection: sqlite3.Connection, counter: Counter) -> Figures:
    """One counter."""
    row = connection.execute(f"{_FIGURES} WHERE key = ?", (counter.key,)).fetchone()
    return _figures(row) if row else Figures()


def some(connection: sqlite3.Connection, keys: Sequence[str]) -> dict[Counter, Figures]:
    """Those of these keys that are there."""
    places = ", ".join("?" * len(keys))
    return {
        Counter.of(row[0]): _figures(row) for row in connection.execute(f"{_FIGURES} WHERE key IN ({places})", keys)
    }


def _figures(row: tuple[str, int, int, int | None, int, int]) -> Figures:
    _, committed, held, raised, halted, refused = row
    return Figures(committed, held, raised, bool(halted), refused)


def forget(connection: sqlite3.Connection, after: str, number: int, now: float) -> str:
    """Forget those past of the next `number` counters behind the key `after`; the last key looked at, "" at the end."""
    rows = connection.execute(
        "SELECT key, touched, held FROM counters WHERE key > ? ORDER BY key LIMIT ?", (after, number)
    ).fetchall()
    gone = [(key,) for key, touched, held in rows if held == 0 and past(Counter.of(key), now - touched, RUNS)]
    connection.executemany("DELETE FROM counters WHERE key = ?", gone)
    return rows[-1][0] if len(rows) == number else ""
