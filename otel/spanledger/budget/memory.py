"""The store of one process: exact, quick, and gone with the process.

For tests, and for apps of one process that may begin anew. After `fork` the child has a copy of what was spent and
none of the holds: the calls under way are the parent's. It forgets a run that nothing was charged to for a day.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice

from spanledger.budget import forks
from spanledger.budget.judging import worst
from spanledger.budget.notes import MemoryNotes
from spanledger.budget.rows import Row, Rows
from spanledger.budget.search import Search, chosen
from spanledger.budget.standing import crossed, denials, owner
from spanledger.budget.store import Claim, Counter, Denied, Entry, Figures, Gap, Hold, Settled

_SETTLED = Settled()
_OVER = Settled(first=False)


class MemoryStore:
    """Counters in this process. `clock` tells seconds since the epoch. Every method does what `Store` says."""

    shared = False

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._books = Rows()
        self._audit: list[Entry] = []
        self._owner = owner()
        self.notes = MemoryNotes(clock)
        forks.tell(self)

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._clock()

    def reserve(self, hold: str, claims: Sequence[Claim], ttl: float) -> Denied | None:
        """Take a hold of all claims or of none."""
        with self._lock:
            now, books = self._clock(), self._books
            books.expire(now)
            if hold in books.open or hold in books.lapsed or hold in books.over:
                return None
            rows = books.of(claims)
            if refusals := denials(claims, rows, books.rows):
                return self._refused(claims, rows, refusals, now)
            books.take(hold, claims, rows, now, now + ttl)
            return None

    def settle(self, hold: str, claims: Sequence[Claim], actual: Sequence[int]) -> Settled:
        """End a hold and charge what was used."""
        with self._lock:
            now, books = self._clock(), self._books
            if hold in books.over:
                return _OVER
            late = hold in books.lapsed
            known = late or hold in books.open
            rows = books.end(hold, actual, now) if known else books.book(hold, claims, actual, now)
            due = crossed(claims, rows, books.rows)
            return Settled(late=late, crossed=due) if late or due else _SETTLED

    def release(self, hold: str) -> None:
        """End a hold and charge nothing."""
        with self._lock:
            if held := self._books.open.get(hold):
                self._books.end(hold, [0] * len(held.amounts), self._clock())

    def extend(self, hold: str, claims: Sequence[Claim], ttl: float) -> Denied | None:
        """Hold more, for longer."""
        with self._lock:
            now = self._clock()
            if hold in self._books.over:
                return None
            rows = self._books.of(claims)
            if refusals := denials(claims, rows, self._books.rows):
                return self._refused(claims, rows, refusals, now)
            self._books.add(hold, claims, now, now + ttl)
            return None

    def convert(
        self, hold: str, part: str, claims: Sequence[Claim], spent: Sequence[int], keep: Sequence[int], ttl: float
    ) -> Settled:
        """Charge part of a hold and keep the rest."""
        with self._lock:
            now, books = self._clock(), self._books
            if part in books.over or books.find(part):
                return _OVER
            rows = books.book(part, claims, spent, now)
            late = not books.keep(hold, keep, now, now + ttl)
            return Settled(late=late, crossed=crossed(claims, rows, books.rows))

    def refuse(self, refused: Mapping[Counter, int]) -> None:
        """Count refusals."""
        with self._lock:
            now = self._clock()
            for counter, number in refused.items():
                self._books.row(counter, now).refused += number

    def expire(self) -> int:
        """Charge the holds whose time is over."""
        with self._lock:
            return self._books.expire(self._clock())

    def figures(self) -> dict[Counter, Figures]:
        """Every counter."""
        with self._lock:
            self._books.expire(self._clock())
            return {counter: row.figures() for counter, row in self._books.rows.items()}

    def search(self, search: Search) -> dict[Counter, Figures]:
        """The counters of some scope values of a budget."""
        with self._lock:
            self._books.expire(self._clock())
            mine = [(key, row.figures()) for key, row in self._books.rows.items() if search.means(key)]
        return chosen(search, mine)

    def figure(self, counter: Counter) -> Figures:
        """One counter."""
        with self._lock:
            self._books.expire(self._clock())
            row = self._books.rows.get(counter)
            return row.figures() if row else Figures()

    def holds(self) -> Iterable[Hold]:
        """The open and the expired holds."""
        with self._lock:
            self._books.expire(self._clock())
            found = [*self._books.lapsed.items(), *self._books.open.items()]
            return [
                Hold(
                    hold,
                    tuple(held.counters),
                    tuple(held.amounts),
                    held.expires,
                    self._owner,
                    "open" if held.charged is None else "expired",
                    None if held.charged is None else tuple(held.charged),
                )
                for hold, held in found
            ]

    def raise_limit(self, counter: Counter, limit: int, *, reason: str, who: str) -> None:
        """Let another limit win, and end a halt."""
        with self._lock:
            now = self._clock()
            row = self._books.row(counter, now)
            row.limit, row.halted = limit, False
            self._audit.append(Entry(now, counter, "raise", limit, reason, who))

    def reset(self, counter: Counter, *, reason: str, who: str) -> None:
        """Let the configured limit hold again, and end a halt."""
        with self._lock:
            now = self._clock()
            row = self._books.row(counter, now)
            row.limit, row.halted = None, False
            self._audit.append(Entry(now, counter, "reset", None, reason, who))

    def adjust(self, counter: Counter, delta: int, *, reason: str, who: str) -> None:
        """Correct what was spent; the audit has what the correction came to."""
        with self._lock:
            now = self._clock()
            row = self._books.row(counter, now)
            done = max(delta, -row.committed)
            row.committed += done
            row.base += done
            self._audit.append(Entry(now, counter, "adjust", done, reason, who))

    def audit(self) -> Iterable[Entry]:
        """Every change by hand, and every halt."""
        with self._lock:
            return list(self._audit)

    def history(self, of: Sequence[str], before: int | None, number: int) -> list[tuple[int, Entry]]:
        """The last of these changes before a place."""
        with self._lock:
            told = self._audit[: None if before is None else max(before, 0)]
        own = ((at, told[at]) for at in range(len(told) - 1, -1, -1) if told[at].counter.within(of))
        return list(islice(own, number))

    def gaps(self) -> Iterable[Gap]:
        """Where counters and holds disagree."""
        with self._lock:
            return list(self._books.gaps())

    def close(self) -> None:
        """There is nothing to let go of."""

    def before_fork(self) -> None:
        """Wait until no thread is changing anything."""
        self._lock.acquire()

    def in_parent(self) -> None:
        """Go on."""
        self._lock.release()

    def in_child(self) -> None:
        """Go on with what was spent; what is held is the parent's."""
        self._books.drop_open()
        self._owner = owner()
        self._lock.release()

    def _refused(
        self, claims: Sequence[Claim], rows: Sequence[Row], refusals: Sequence[Denied], now: float
    ) -> Denied | None:
        for denied in refusals:
            claim = claims[denied.index]
            counter = claim.counter
            row = self._books.touch(counter, rows[denied.index], now)
            row.refused += claim.counted
            if denied.halted and not row.halted:
                row.halted = True
                self._audit.append(Entry(now, counter, "halt", None, denied.kind, self._owner))
        return worst(refusals)
