"""A store in front of a shared one, which serves most calls from what this process has borrowed there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

from spanledger.budget import forks
from spanledger.budget.lease.books import Books
from spanledger.budget.lease.desk import Desk
from spanledger.budget.lease.keeper import Keeper, Listener
from spanledger.budget.lease.lease import Local
from spanledger.budget.lease.passing import Passing
from spanledger.budget.lease.recent import Recent
from spanledger.budget.lease.refusals import Refusals
from spanledger.budget.lease.terms import Terms, uptime
from spanledger.budget.store import Claim, Counter, Denied, Figures, Lender, Settled, StoreError
from spanledger.errors import failed

_SETTLED = Settled()
_OVER = Settled(first=False)
DEFAULT = Terms()


class LeasedStore(Passing):
    """Leases of `centre`, with their logs in `folder`. Every method does what `Store` says.

    Figures are the centre's: what is leased and not spent shows as held. What was spent from leases is booked there
    within `terms.every` seconds, at `close`, and before anything is listed here. `uptime` tells seconds since the
    machine started.
    """

    def __init__(
        self, centre: Lender, folder: Path, terms: Terms = DEFAULT, uptime: Callable[[], float] = uptime
    ) -> None:
        super().__init__(centre)
        self._books = Books(folder, centre.now, uptime)
        self._desk = Desk(centre, self._books, terms, uptime)
        self._refusals = Refusals(uptime)
        self._keeper = Keeper(centre, self._books, self._desk, self._refusals, terms.every)
        self._far = Recent()
        self._numbers = count()
        forks.tell(self)

    def listen(self, listener: Listener) -> None:
        """Tell this one of warnings that become due between settlements; until then the next settlement tells."""
        self._keeper.on_crossed = listener

    def reserve(self, hold: str, claims: Sequence[Claim], ttl: float) -> Denied | None:
        """Take a hold of all claims or of none."""
        books = self._books
        with books.lock:
            if hold in books.open or hold in self._far or hold in books.over or hold in books.lapsed:
                return None
            if books.serve(hold, claims, ttl):
                return None
            denied = self._refusals.answer(claims)
        if denied is not None:
            self._keeper.ready()
            return denied
        self._keeper.opened()
        self._desk.fill(claims)
        with books.lock:
            if books.leases:
                self._keeper.ready()
                if books.serve(hold, claims, ttl):
                    return None
        return self._ask(hold, claims, ttl)

    def _ask(self, hold: str, claims: Sequence[Claim], ttl: float) -> Denied | None:
        """Ask the centre. Before it may refuse for good, everything that stands in the way here is given back."""
        self._refusals.forget()
        mine = [claim.counter for claim in claims if claim.counter in self._books.leases]
        if mine or self._keeper.may_recover():
            soft = [replace(claim, sticky=False, counted=False) for claim in claims]
            if self.centre.reserve(hold, soft, ttl) is None:
                self._far.add(hold)
                return None
            self._desk.give_back(mine)
            self._keeper.recover()
        denied = self.centre.reserve(hold, claims, ttl)
        if denied is None:
            self._far.add(hold)
        elif denied.kind != "in_flight":
            self._refusals.learn(claims, self.centre)
        return denied

    def refuse(self, refused: Mapping[Counter, int]) -> None:
        """Count refusals; the centre is told of them soon."""
        with self._books.lock:
            self._refusals.counts.update(refused)
        self._keeper.ready()

    def settle(self, hold: str, claims: Sequence[Claim], actual: Sequence[int]) -> Settled:
        """End a hold and charge what was used."""
        books = self._books
        with books.lock:
            local = books.open.get(hold)
            due = None if local is None or local.more else books.end(hold, local, actual)
        if local is None or due is None:
            return self._settle_else(hold, claims, actual)
        if not (due or self._desk.crossed):
            return _SETTLED
        self._keeper.ready()
        return Settled(crossed=self._crossed(local, due=due))

    def _settle_else(self, hold: str, claims: Sequence[Claim], actual: Sequence[int]) -> Settled:
        """What is not simply open here."""
        books = self._books
        local = books.open.get(hold) or books.lapsed.get(hold)
        if local is not None and local.more:
            actual = self._settle_more(local, claims, actual)
        with books.lock:
            if hold in books.over:
                return _OVER
            late = hold in books.lapsed
            if local is None:
                due = False
            elif late:
                due = books.correct(hold, local, actual)
            else:
                due = books.end(hold, local, actual)
        if local is None:
            return self._settle_far(hold, claims, actual)
        self._keeper.ready()
        return Settled(late=late, crossed=self._crossed(local, due=due))

    def _settle_far(self, hold: str, claims: Sequence[Claim], actual: Sequence[int]) -> Settled:
        self._refusals.forget()
        settled = self.centre.settle(hold, claims, actual)
        self._far.add(hold)
        return replace(settled, crossed=settled.crossed + self._desk.told()) if self._desk.crossed else settled

    def _settle_more(self, local: Local, claims: Sequence[Claim], actual: Sequence[int]) -> list[int]:
        """Settle what was held at the centre on top, with what is beyond the leases; what is left for these."""
        own = [min(used, amount) for used, amount in zip(actual, local.amounts, strict=True)]
        rest = [used - amount for used, amount in zip(actual, own, strict=True)]
        for more in local.more:
            self.centre.settle(more, claims, rest)
            rest = [0] * len(rest)
        return own

    def _crossed(self, local: Local, *, due: bool) -> tuple[tuple[Counter, int], ...]:
        """The warnings that nobody was given yet; where one may be due, spending is booked at once."""
        try:
            for lease in local.leases if due else ():
                if lease.spent >= lease.warn:
                    self._desk.book_one(lease)
        except StoreError as error:
            failed("lease", error)  # it is booked, and warned of, when the centre is back
        return self._desk.told()

    def release(self, hold: str) -> None:
        """End a hold and charge nothing."""
        books = self._books
        with books.lock:
            local = books.open.get(hold)
            if local is not None:
                books.end(hold, local, [0] * len(local.amounts))
        for more in local.more if local is not None else [hold]:
            self._refusals.forget()
            self.centre.release(more)

    def extend(self, hold: str, claims: Sequence[Claim], ttl: float) -> Denied | None:
        """Hold more, for longer. What leases do not have is held at the centre beside them."""
        books = self._books
        with books.lock:
            if hold in books.over:
                return None
            local = books.open.get(hold) or books.lapsed.get(hold)
            if local is not None and hold in books.open and books.extend(local, claims, ttl):
                return None
        if local is None:
            self._refusals.forget()
            return self.centre.extend(hold, claims, ttl)
        more = f"{hold}+{next(self._numbers)}"
        if denied := self._ask(more, claims, ttl):
            return denied
        with books.lock:
            local.more += (more,)
            if hold in books.open:
                books.prolong(local, [0] * len(claims), ttl)
        return None

    def expire(self) -> int:
        """Charge the holds whose time is over."""
        with self._books.lock:
            lapsed = self._books.lapse()
        return lapsed + self.centre.expire()

    def figure(self, counter: Counter) -> Figures:
        """One counter, with what is not booked yet."""
        found = self.centre.figure(counter)
        with self._books.lock:
            lease, refused = self._books.leases.get(counter), self._refusals.counts.get(counter, 0)
            spent = 0 if lease is None else lease.spent
        if not (spent or refused):
            return found
        return replace(
            found, committed=found.committed + spent, held=found.held - spent, refused=found.refused + refused
        )

    def close(self) -> None:
        """Give everything back that no call under way needs, and close the centre."""
        try:
            self._keeper.close()
        finally:
            self.centre.close()

    def up_to_date(self) -> None:
        """Book what was spent here, and by processes of this host that died. Raises StoreError."""
        self._refusals.forget()
        self._keeper.recover()
        self._keeper.flush("all")

    def before_fork(self) -> None:
        """Wait until nobody is changing anything."""
        self._books.lock.acquire()

    def in_parent(self) -> None:
        """Go on."""
        self._books.lock.release()

    def in_child(self) -> None:
        """Begin anew: leases, holds and the log are the parent's."""
        for one in (self._books, self._desk, self._refusals, self._keeper):
            one.begin()
        self._far = Recent()
