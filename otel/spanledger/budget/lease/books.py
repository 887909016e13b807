"""The books of one process: its leases, the holds it serves from them, and the log that both survive in."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from spanledger.budget.lease.lease import Lease, Local
from spanledger.budget.lease.log import Log
from spanledger.budget.lease.recent import KEPT, Recent
from spanledger.budget.store import Claim, Counter


class Books:
    """Everything here happens under `lock`, which nobody keeps while the centre is asked. `now` is the centre's clock.

    `leases` are those to serve from, `ending` those whose last holds are awaited; `open` are the holds under way,
    `lapsed` those that were charged because their time was over, `over` the last that have ended. `number` is the last
    one given to a hold or a lease.
    """

    def __init__(self, folder: Path, now: Callable[[], float], uptime: Callable[[], float]) -> None:
        self.now = now
        self.uptime = uptime
        self.log = Log(folder)
        self.begin()

    def begin(self) -> None:
        """With nothing: at first, and in a forked child, to whom neither leases nor holds belong."""
        self.lock = threading.Lock()
        self.log.forget()
        self.leases: dict[Counter, Lease] = {}
        self.ending: list[Lease] = []
        self.open: dict[str, Local] = {}
        self.lapsed: dict[str, Local] = {}
        self.over = Recent()
        self.number = 0
        self._last: list[Lease] = []
        self._numbers: list[int] = []

    def next(self) -> int:
        """A number for the log."""
        self.number += 1
        return self.number

    def serve(self, hold: str, claims: Sequence[Claim], ttl: float) -> bool:
        """Take a hold of all claims from leases, written down before it is granted; False where they do not do."""
        amounts = [claim.amount for claim in claims]
        leases = self._taken(claims, amounts)
        if leases is None:
            return False
        if leases != self._last:
            self._last, self._numbers = leases, [lease.number for lease in leases]
        self.number = number = self.number + 1
        expires = self.now() + ttl
        if not self.log.append(f"h[{number}, {int(expires)}, {self._numbers}, {amounts}]\n".encode()):
            _put_back(leases, amounts)
            return False
        self.open[hold] = Local(number, leases, amounts, expires)
        return True

    def _taken(self, claims: Sequence[Claim], amounts: Sequence[int]) -> list[Lease] | None:
        """The leases of these claims, with the amounts held of them; None, and nothing held, where one does not do."""
        found: list[Lease] = []
        now, leases = self.uptime(), self.leases
        for claim in claims:
            lease, amount = leases.get(claim.counter), claim.amount
            if lease is None or lease.free < (amount or 1) or lease.deadline <= now or lease.limit != claim.limit:
                _put_back(found, amounts)
                return None
            lease.free -= amount
            lease.held += amount
            found.append(lease)
        return found

    def end(self, hold: str, local: Local, used: Sequence[int]) -> bool:
        """End an open hold; whether a warning may be due."""
        del self.open[hold]
        self.over.add(hold)
        return self._charge(local, used)

    def _charge(self, local: Local, used: Sequence[int]) -> bool:
        self.log.append(f"s[{local.number}, {[*used]}]\n".encode())
        return local.end(used)

    def correct(self, hold: str, local: Local, used: Sequence[int]) -> bool:
        """A late settlement replaces the charge of a lapsed hold; whether a warning may be due."""
        del self.lapsed[hold]
        self.over.add(hold)
        for lease, amount, one in zip(local.leases, local.amounts, used, strict=True):
            if lease.over and lease not in self.ending:
                self.ending.append(lease)
                self.begun(lease)
            self.log.append(f"p[{lease.number}, {one - amount}]\n".encode())
        return local.correct(used)

    def extend(self, local: Local, claims: Sequence[Claim], ttl: float) -> bool:
        """Hold more of the same leases, for longer; False where they do not do."""
        amounts = [claim.amount for claim in claims]
        leases = self._taken(claims, amounts)
        if leases is None:
            return False
        if leases == local.leases and self.prolong(local, amounts, ttl):
            return True
        _put_back(leases, amounts)
        return False

    def prolong(self, local: Local, more: Sequence[int], ttl: float) -> bool:
        """Let an open hold live longer, with so much more that is held already; False where the log cannot say so."""
        expires = self.now() + ttl
        if not self.log.append(f"e[{local.number}, {int(expires)}, {[*more]}]\n".encode()):
            return False
        local.amounts = [had + amount for had, amount in zip(local.amounts, more, strict=True)]
        local.expires = expires
        return True

    def lapse(self) -> int:
        """Charge the holds whose time is over; how many."""
        now = self.now()
        ended = [(hold, local) for hold, local in self.open.items() if local.expires <= now]
        for hold, local in ended:
            del self.open[hold]
            self._charge(local, local.amounts)
            self.lapsed[hold] = local
            if len(self.lapsed) > KEPT:
                del self.lapsed[next(iter(self.lapsed))]
        return len(ended)

    def begun(self, lease: Lease) -> bool:
        """Write a lease down before it is taken; False where that cannot be."""
        return self.log.open() and self.log.append(_begun(lease))

    def retire(self, lease: Lease) -> None:
        """Take a lease that is over out of use; it is forgotten with its last hold."""
        if self.leases.get(lease.counter) is lease:
            del self.leases[lease.counter]
        if lease not in self.ending:
            self.ending.append(lease)
        if not (lease.held or lease.spent or lease.kept or lease.booking):
            self.ending.remove(lease)
            self.log.append(b"z[%d]\n" % lease.number)

    @property
    def busy(self) -> bool:
        """Whether there is anything that the centre will have to be told."""
        return bool(self.leases or self.ending or self.open)

    def tidy(self) -> None:
        """Write the log anew where it is full, and remove it where nothing in it counts."""
        if not self.busy:
            self.log.close()
        elif self.log.stale:
            self.log.rewrite([*self._standing()])

    def _standing(self) -> Iterator[bytes]:
        for lease in (*self.leases.values(), *self.ending):
            yield _begun(lease)
            yield b"p[%d, %d]\n" % (lease.number, lease.spent)
            if lease.booking is not None:
                yield booking(lease)
        for local in self.open.values():
            numbers = [lease.number for lease in local.leases]
            yield f"h[{local.number}, {int(local.expires)}, {numbers}, {local.amounts}]\n".encode()


def _put_back(leases: Sequence[Lease], amounts: Sequence[int]) -> None:
    """As many of the amounts as there are leases."""
    for lease, amount in zip(leases, amounts, strict=False):
        lease.free += amount
        lease.held -= amount


def _begun(lease: Lease) -> bytes:
    return f"L{json.dumps([lease.number, lease.id, lease.counter.key])}\n".encode()


def booking(lease: Lease) -> bytes:
    """The record of what the centre is being told."""
    told = lease.booking
    assert told is not None
    return f"b{json.dumps([lease.number, told.part, told.spent, told.keep])}\n".encode()
