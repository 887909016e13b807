"""What happens beside the calls: spending is booked, refusals are told, the logs of the dead are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from spanledger.budget.lease import recovery
from spanledger.budget.lease.beat import Beat
from spanledger.budget.lease.books import Books
from spanledger.budget.lease.desk import Desk, Keep
from spanledger.budget.lease.refusals import Refusals
from spanledger.budget.store import Counter, Lender, StoreError
from spanledger.errors import contained

#: Seconds between two looks for dead processes while calls are refused.
LOOK = 1.0

Listener = Callable[[Sequence[tuple[Counter, int]]], object]


class Keeper:
    """Works every `every` seconds for as long as there is something to tell. `on_crossed` hears of warnings due."""

    def __init__(self, centre: Lender, books: Books, desk: Desk, refusals: Refusals, every: float | None) -> None:
        self._centre = centre
        self._books = books
        self._desk = desk
        self._refusals = refusals
        self._beat = Beat(every, self._work)
        self._looked: float | None = None
        self.on_crossed: Listener | None = None
        self.ready = self._beat.ready

    def begin(self) -> None:
        """With no thread: in a forked child."""
        self._beat.begin()
        self._looked = None

    def flush(self, keep: Keep) -> None:
        """Tell the centre everything, and keep so much of what is free. Raises StoreError."""
        with self._books.lock:
            self._books.lapse()
            refused = self._refusals.take()
        if refused:
            try:
                self._centre.refuse(refused)
            except StoreError:
                with self._books.lock:
                    self._refusals.counts.update(refused)
                raise
        self._desk.book(keep)

    def close(self) -> None:
        """Give everything back that no call under way needs; what these spend is booked later. Raises StoreError."""
        self.flush("nothing")
        if not self._books.busy:
            self._beat.stop()

    def _work(self) -> bool:
        with contained("lease"):
            self.flush("needed")
        if self._desk.crossed and self.on_crossed is not None:
            with contained("budget warning"):
                self.on_crossed(self._desk.told())
        return self._books.busy or bool(self._refusals.counts)

    def opened(self) -> None:
        """Look for dead processes, the first time. Raises StoreError."""
        if self._looked is None:
            self.recover()

    def may_recover(self) -> bool:
        """Whether it is time to look for dead processes, and there are logs that could be theirs."""
        now = self._books.uptime()
        if self._looked is not None and now - self._looked < LOOK:
            return False
        self._looked = now
        return recovery.are_there(self._books.log.folder, self._books.log.name)

    def recover(self) -> None:
        """Book what dead processes of this host spent, and give back what they had free. Raises StoreError."""
        self._looked = self._books.uptime()
        recovery.recover(self._books.log.folder, self._books.log.name, self._centre)
