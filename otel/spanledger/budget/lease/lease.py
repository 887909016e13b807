"""What a process has borrowed of a counter, and the holds it serves from that. Whoever uses them holds a lock."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from spanledger.budget.lease.terms import Terms
from spanledger.budget.store import Claim, Counter, Figures

_NEVER = -math.inf


class Booking(NamedTuple):
    """What the centre is being told: charge `spent` under the id `part`, hold `keep`, of which `grown` is new."""

    part: str
    spent: int
    keep: int
    grown: int


@dataclass(slots=True, eq=False)
class Lease:
    """A hold of this process at the centre, of one counter: `free + held + spent` of it.

    `held` is what local holds hold, `spent` what they used and the centre has not been told of (below 0 where a late
    settlement took back). `free` is below 0 where more was used than held. From `deadline` on nothing is served from
    it; `warn`: when so much is spent a warning may be due. `number` is its name in the log, `want` what to have free,
    `kept` what the centre was last told to hold. One that is `over` only waits for its holds to end.
    """

    id: str
    number: int
    claim: Claim
    limit: int | None
    want: int
    kept: int = 0
    free: int = 0
    held: int = 0
    spent: int = 0
    deadline: float = _NEVER
    warn: float = math.inf
    booking: Booking | None = None
    bookings: int = 0
    idle: int = 0
    over: bool = False

    @property
    def counter(self) -> Counter:
        """What it is a part of."""
        return self.claim.counter

    @property
    def typical(self) -> int:
        """What one hold takes of it, as far as known."""
        return self.claim.amount

    def end(self) -> None:
        """Serve nothing from it any more."""
        self.over, self.deadline, self.free = True, _NEVER, 0

    def book(self, keep_free: int, grown: int, *, renew: bool) -> Booking | None:
        """What to tell the centre now, None where it knows; what is free beyond `keep_free` is given back.

        `renew`: tell it in any case, so that it lets the lease live. A lease of which nothing is kept is over.
        """
        self.free = max(0, min(self.free, keep_free))
        keep = self.free + self.held + grown
        if keep == self.kept and not self.spent and not renew:
            return None
        if not keep:
            self.end()
        self.bookings += 1
        self.booking = Booking(f"{self.id}/{self.bookings}", self.spent, keep, grown)
        return self.booking

    def booked(self) -> None:
        """The centre knows."""
        if self.booking is not None:
            self.spent -= self.booking.spent
            self.kept = self.booking.keep
            if not self.over:
                self.free += self.booking.grown
            self.booking = None

    def look(self, committed: int) -> None:
        """Find the next warning, given what the centre has committed and does not yet know."""
        self.warn = min((at - committed for at in self.claim.warns if at > committed), default=math.inf)


def size(claim: Claim, figures: Figures, mine: int, want: int, terms: Terms) -> int:
    """How much to have free of a counter whose figures at the centre include `mine`, free already; 0: no lease."""
    if figures.halted:
        return 0
    limit = claim.limit if claim.limit is None or figures.limit is None else figures.limit
    if limit is not None:
        want = min(want, (limit - figures.committed - figures.held + mine) // terms.share)
    return want if want >= terms.least * max(1, claim.amount) else 0


def asking(claim: Claim, amount: int) -> Claim:
    """A claim on the process's own account: nobody was refused where it does not fit."""
    return replace(claim, amount=amount, sticky=False, counted=False)


@dataclass(slots=True, eq=False)
class Local:
    """A hold that is served from leases. `number` is its name in the log, `expires` seconds since the epoch.

    `more` are holds at the centre that it was extended by, beyond what leases had free.
    """

    number: int
    leases: list[Lease]
    amounts: list[int]
    expires: float
    more: tuple[str, ...] = ()

    def end(self, used: Sequence[int]) -> bool:
        """Charge what was used in place of what is held; whether a warning may be due."""
        due = False
        for lease, amount, one in zip(self.leases, self.amounts, used, strict=True):
            lease.held -= amount
            lease.free += amount - one
            spent = lease.spent = lease.spent + one
            due = due or spent >= lease.warn
        return due

    def correct(self, used: Sequence[int]) -> bool:
        """Charge this in place of what was charged when its time was over; whether a warning may be due."""
        due = False
        for lease, amount, one in zip(self.leases, self.amounts, used, strict=True):
            lease.spent += one - amount
            due = due or lease.spent >= lease.warn
        return due
