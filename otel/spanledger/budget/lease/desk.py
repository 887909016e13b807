"""What passes between a process and the centre: leases are taken, renewed and given back, and spending is booked."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Literal

from spanledger.budget.lease.books import Books, booking
from spanledger.budget.lease.lease import Lease, asking, size
from spanledger.budget.lease.terms import Terms
from spanledger.budget.store import Claim, Counter, Figures, Lender, StoreError

#: How much of what is free stays leased when spending is booked.
Keep = Literal["all", "needed", "nothing"]
#: Seconds until a counter that had too little left for a lease is looked at again.
PAUSE = 0.25
#: Seconds for which calls are counted: leases are for those who call often.
SPAN = 1.0
#: Fewer calls than this between two bookings leave the leases idle.
FEW = 2


class Desk:
    """One thread at a time talks to the centre about leases; meanwhile others are served from what there is."""

    def __init__(self, centre: Lender, books: Books, terms: Terms, uptime: Callable[[], float]) -> None:
        self._centre = centre
        self._books = books
        self._terms = terms
        self._uptime = uptime
        self.begin()

    def begin(self) -> None:
        """With nothing: at first, and in a forked child."""
        self._turn = threading.Lock()
        self._calls: dict[Counter, int] = {}
        self._until = 0.0
        self._not_before: dict[Counter, float] = {}
        self._seen = 0
        self.crossed: list[tuple[Counter, int]] = []

    def fill(self, claims: Sequence[Claim]) -> None:
        """Have enough free for these claims and for calls to come, in all their counters or in none.

        Raises:
            StoreError: the centre cannot be reached.
        """
        if not self._worth_it(claims):
            return
        with self._turn:
            found = []
            for claim in claims:
                lease = self._books.leases.get(claim.counter)
                if lease is not None and self._does(lease, claim):
                    continue
                figures = self._centre.figure(claim.counter)
                want = self._want(lease, claim)
                room = size(claim, figures, 0 if lease is None else lease.free, want, self._terms)
                if not room:
                    self._not_before[claim.counter] = self._uptime() + PAUSE
                    return
                found.append((claim, lease, room, figures))
            for claim, lease, room, figures in found:
                if lease is None or lease.limit != claim.limit:
                    self._take(claim, room, figures)
                else:
                    lease.want = room
                    self._exchange(lease, room, figures)

    def _worth_it(self, claims: Sequence[Claim]) -> bool:
        """Whether all of these counters are used often, and had room enough when last looked at."""
        now = self._uptime()
        if now >= self._until:
            self._calls, self._until = {}, now + SPAN
            self._not_before = {counter: at for counter, at in self._not_before.items() if at > now}
        worth = True
        for claim in claims:
            counter = claim.counter
            number = self._calls[counter] = self._calls.get(counter, 0) + 1
            often = number > self._terms.warm or counter in self._books.leases
            if not often or claim.also or now < self._not_before.get(counter, 0.0):
                worth = False
        return worth

    def _does(self, lease: Lease, claim: Claim) -> bool:
        return lease.free >= max(1, claim.amount) and lease.deadline > self._uptime() and lease.limit == claim.limit

    def _want(self, lease: Lease | None, claim: Claim) -> int:
        amount = max(1, claim.amount)
        want = self._terms.first * amount
        return want if lease is None else min(max(want, 4 * lease.want), self._terms.most * amount)

    def _take(self, claim: Claim, amount: int, figures: Figures) -> None:
        books, old = self._books, self._books.leases.get(claim.counter)
        if old is not None:
            self._give_back(old)
        lease = Lease(f"lease-{uuid.uuid4().hex}", books.next(), asking(claim, claim.amount), claim.limit, amount)
        with books.lock:
            if not books.begun(lease):
                return
        before = self._uptime()
        try:
            denied = self._centre.reserve(lease.id, [replace(lease.claim, amount=amount)], self._terms.ttl)
        except StoreError:
            lease.kept = amount  # perhaps: the centre may have heard it all the same
            lease.end()
            with books.lock:
                books.retire(lease)
            raise
        with books.lock:
            if denied is not None:
                lease.end()
                books.retire(lease)
                return
            lease.free = lease.kept = amount
            lease.deadline = before + self._terms.safe
            lease.look(figures.committed)
            books.leases[claim.counter] = lease

    def _exchange(self, lease: Lease, want: int, figures: Figures) -> None:
        """Book what was spent, and have `want` free afterwards as far as the centre has room."""
        self._tell(lease)
        grown = 0
        if not lease.over and want > lease.free:
            more = want - max(0, lease.free)
            claim = replace(lease.claim, amount=more)
            grown = 0 if self._centre.extend(lease.id, [claim], self._terms.ttl) else more
        with self._books.lock:
            if lease.over:
                want = 0
            told = lease.book(want, grown, renew=self._is_old(lease))
            if told is not None:
                self._books.log.append(booking(lease))
        self._tell(lease)
        with self._books.lock:
            lease.look(figures.committed + (told.spent if told else 0))
            if lease.over:
                self._books.retire(lease)

    def _is_old(self, lease: Lease) -> bool:
        return not lease.over and lease.deadline - self._uptime() < self._terms.safe / 2

    def _tell(self, lease: Lease) -> None:
        """Tell the centre what it has not been told, as often as it takes: it does it once."""
        told = lease.booking
        if told is None:
            return
        before, claims = self._uptime(), (lease.claim,)
        done = self._centre.convert(lease.id, told.part, claims, (told.spent,), (told.keep,), self._terms.ttl)
        with self._books.lock:
            self._books.log.append(b"d[%d]\n" % lease.number)
            self.crossed += done.crossed
            if done.late:
                lease.end()  # its time was over: the centre has charged it
            elif done.first and not lease.over:
                lease.deadline = before + self._terms.safe
            lease.booked()

    def _give_back(self, lease: Lease) -> None:
        self._exchange(lease, 0, self._centre.figure(lease.counter))

    def give_back(self, counters: Iterable[Counter]) -> None:
        """Give back what is free of these counters. Raises StoreError."""
        with self._turn:
            for counter in counters:
                lease = self._books.leases.get(counter)
                if lease is not None:
                    self._give_back(lease)

    def book(self, keep: Keep) -> None:
        """Book what was spent, and keep so much of what is free. Raises StoreError."""
        with self._turn:
            calls, self._seen = self._books.number - self._seen, self._books.number
            for lease in [*self._books.leases.values(), *self._books.ending]:
                figures = self._centre.figure(lease.counter)
                free = max(0, lease.free)
                if keep != "all":
                    free = min(free, self._needed(lease, figures, calls)) if keep == "needed" else 0
                self._exchange(lease, free, figures)
            with self._books.lock:
                self._books.tidy()

    def book_one(self, lease: Lease) -> None:
        """Book what was spent of one lease: a warning may be due. Raises StoreError."""
        with self._turn:
            self._exchange(lease, max(0, lease.free), self._centre.figure(lease.counter))

    def _needed(self, lease: Lease, figures: Figures, calls: int) -> int:
        """What to have free of a lease: twice of what was in use since the last time."""
        busy = lease.spent + lease.held
        lease.idle = lease.idle + 1 if calls < FEW else 0
        if lease.idle > self._terms.idle:
            return 0
        least = self._terms.first * max(1, lease.typical)
        lease.want = max(least, min(lease.want, max(lease.want // 2, 2 * busy)))
        return size(lease.claim, figures, lease.free, lease.want, self._terms)

    def told(self) -> tuple[tuple[Counter, int], ...]:
        """The warnings that nobody was given yet."""
        with self._books.lock:
            crossed, self.crossed = tuple(self.crossed), []
        return crossed
