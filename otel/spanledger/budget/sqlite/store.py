"""Counters in a file that all processes of a host share."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from spanledger.budget.search import Search
from spanledger.budget.sqlite import audit, counters, holds, moves, searching
from spanledger.budget.sqlite.database import Database
from spanledger.budget.sqlite.holds import Kept
from spanledger.budget.sqlite.notes import SqliteNotes
from spanledger.budget.standing import owner
from spanledger.budget.store import Claim, Counter, Denied, Entry, Figures, Gap, Hold, Settled

#: After so many settlements a process tidies up, more than these have left behind.
_TIDY_EVERY = 64
_HOLDS, _COUNTERS = 2 * _TIDY_EVERY, 16 * _TIDY_EVERY


class SqliteStore:
    """Counters in the file `path`, which is made at the first use. Every method does what `Store` says.

    What a method has done stays done when the process dies in the next instant. `clock` tells seconds since the epoch;
    the processes of a host share it. Not for finalizers: a thread keeps a lock during an operation.
    """

    shared = True

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._database = Database(path)
        self._clock = clock
        self.notes = SqliteNotes(self._database, clock)
        self._until_tidy = random.randrange(_TIDY_EVERY)
        self._looked_at = ""

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._clock()

    def reserve(self, hold: str, claims: Sequence[Claim], ttl: float) -> Denied | None:
        """Take a hold of all claims or of none."""
        with self._database.writing() as connection:
            now = self._clock()
            known, overdue = holds.present(connection, hold, now)
            if overdue:
                moves.expire(connection, now)
            return None if known else moves.take(connection, hold, claims, now, ttl)

    def settle(self, hold: str, claims: Sequence[Claim], actual: Sequence[int]) -> Settled:
        """End a hold and charge what was used."""
        with self._database.writing() as connection:
            now = self._clock()
            kept = holds.find(connection, hold) or _unknown(hold, claims, now)
            if kept.over:
                return Settled(first=False)
            moves.end(connection, kept, "settled", actual, now)
            due = moves.warnings(connection, claims)
            self._tidy(connection, now)
            return Settled(late=kept.state == "expired", crossed=due)

    def release(self, hold: str) -> None:
        """End a hold and charge nothing."""
        with self._database.writing() as connection:
            kept = holds.find(connection, hold)
            if kept and kept.state == "open":
                moves.end(connection, kept, "released", [0] * len(kept.keys), self._clock())

    def extend(self, hold: str, claims: Sequence[Claim], ttl: float) -> Denied | None:
        """Hold more, for longer."""
        with self._database.writing() as connection:
            now = self._clock()
            kept = holds.find(connection, hold)
            if kept is None:
                return moves.take(connection, hold, claims, now, ttl)
            return None if kept.over else moves.add(connection, kept, claims, now, ttl)

    def convert(
        self, hold: str, part: str, claims: Sequence[Claim], spent: Sequence[int], keep: Sequence[int], ttl: float
    ) -> Settled:
        """Charge part of a hold and keep the rest."""
        with self._database.writing() as connection:
            now = self._clock()
            if holds.find(connection, part):
                return Settled(first=False)
            moves.end(connection, _unknown(part, claims, now), "settled", spent, now)
            kept = holds.find(connection, hold)
            if kept and not kept.over:
                moves.keep(connection, kept, keep, now, ttl)
            due = moves.warnings(connection, claims)
            self._tidy(connection, now)
            return Settled(late=kept is None or kept.state != "open", crossed=due)

    def refuse(self, refused: Mapping[Counter, int]) -> None:
        """Count refusals."""
        with self._database.writing() as connection:
            counters.count(connection, refused, self._clock())

    def expire(self) -> int:
        """Charge the holds whose time is over. Nobody waits for it where there are none."""
        with self._database.reading() as connection:
            overdue = holds.present(connection, "", self._clock())[1]
        if not overdue:
            return 0
        with self._database.writing() as connection:
            return moves.expire(connection, self._clock())

    def figures(self) -> dict[Counter, Figures]:
        """Every counter."""
        self.expire()
        with self._database.reading() as connection:
            return counters.figures(connection)

    def search(self, search: Search) -> dict[Counter, Figures]:
        """The counters of some scope values of a budget."""
        self.expire()
        with self._database.reading() as connection:
            return searching.search(connection, search)

    def figure(self, counter: Counter) -> Figures:
        """One counter."""
        self.expire()
        with self._database.reading() as connection:
            return counters.figure(connection, counter)

    def holds(self) -> Iterable[Hold]:
        """The open and the expired holds."""
        self.expire()
        with self._database.reading() as connection:
            return holds.unsettled(connection)

    def raise_limit(self, counter: Counter, limit: int, *, reason: str, who: str) -> None:
        """Let another limit win, and end a halt."""
        with self._database.writing() as connection:
            now = self._clock()
            counters.limit(connection, counter, limit, now)
            audit.write(connection, Entry(now, counter, "raise", limit, reason, who))

    def reset(self, counter: Counter, *, reason: str, who: str) -> None:
        """Let the configured limit hold again, and end a halt."""
        with self._database.writing() as connection:
            now = self._clock()
            counters.limit(connection, counter, None, now)
            audit.write(connection, Entry(now, counter, "reset", None, reason, who))

    def adjust(self, counter: Counter, delta: int, *, reason: str, who: str) -> None:
        """Correct what was spent; the audit has what the correction came to."""
        with self._database.writing() as connection:
            now = self._clock()
            done = counters.correct(connection, counter, delta, now)
            audit.write(connection, Entry(now, counter, "adjust", done, reason, who))

    def audit(self) -> Iterable[Entry]:
        """Every change by hand, and every halt."""
        with self._database.reading() as connection:
            return audit.read(connection)

    def history(self, of: Sequence[str], before: int | None, number: int) -> list[tuple[int, Entry]]:
        """The last of these changes before a place."""
        with self._database.reading() as connection:
            return audit.last(connection, of, before, number)

    def gaps(self) -> Iterable[Gap]:
        """Where counters and holds disagree."""
        with self._database.reading() as connection:
            return list(holds.gaps(connection))

    def close(self) -> None:
        """Close the file; it is opened again by the next operation."""
        self._database.close()

    def _tidy(self, connection: sqlite3.Connection, now: float) -> None:
        """Forget what is past, a little at a time. A counter only goes when no hold that ended long ago names it."""
        self._until_tidy -= 1
        if self._until_tidy < 0:
            self._until_tidy = _TIDY_EVERY
            if holds.fold(connection, _HOLDS, now) < _HOLDS:
                self._looked_at = counters.forget(connection, self._looked_at, _COUNTERS, now)


def _unknown(hold: str, claims: Sequence[Claim], now: float) -> Kept:
    """A hold that nobody has taken, as if it had been of 0."""
    return Kept(hold, "open", owner(), now, [claim.counter.key for claim in claims], [0] * len(claims))
