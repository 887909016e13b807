"""The logs of processes of this host that died: what they spent is booked, what they had free goes back.

A hold that was under way when its process died was perhaps billed: it stays held until its time is over, and is then
charged, as every hold is. Whoever finds the log does this; whoever dies at it has done no harm, because the centre does
every part of it once.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from spanledger.budget.lease.locks import is_of, try_lock
from spanledger.budget.store import Claim, Counter, Lender
from spanledger.errors import failed


@dataclass(slots=True)
class Stranded:
    """A lease of a process that died. `holds` are those under way: how much of this lease, until when."""

    id: str
    counter: Counter
    spent: int = 0
    holds: dict[int, int] = field(default_factory=dict)
    telling: tuple[str, int, int] | None = None


class Reader:
    """Reads the records of a log, in their order, into `leases` and the `expires` of the holds that are open."""

    def __init__(self) -> None:
        self.leases: dict[int, Stranded] = {}
        self.expires: dict[int, float] = {}
        self._parts: dict[int, list[int]] = {}
        self._readers: dict[str, Callable[..., None]] = {
            "L": self._lease,
            "h": self._hold,
            "e": self._extension,
            "s": self._settlement,
            "p": self._spending,
            "b": self._booking,
            "d": self._done,
            "z": self._end,
        }

    def read(self, data: bytes) -> None:
        """A whole log. The last line may be half a record: then its process did not live to do what it says."""
        for line in data.decode().split("\n")[:-1]:
            self._readers[line[0]](*json.loads(line[1:]))

    def _lease(self, number: int, lease: str, key: str) -> None:
        self.leases[number] = Stranded(lease, Counter.of(key))

    def _hold(self, hold: int, expires: int, leases: list[int], amounts: list[int]) -> None:
        self.expires[hold] = expires
        self._parts[hold] = leases
        for lease, amount in zip(leases, amounts, strict=True):
            self.leases[lease].holds[hold] = amount

    def _extension(self, hold: int, expires: int, amounts: list[int]) -> None:
        self.expires[hold] = expires
        for lease, amount in zip(self._parts[hold], amounts, strict=True):
            self.leases[lease].holds[hold] += amount

    def _settlement(self, hold: int, used: list[int]) -> None:
        del self.expires[hold]
        for lease, amount in zip(self._parts.pop(hold), used, strict=True):
            del self.leases[lease].holds[hold]
            self.leases[lease].spent += amount

    def _spending(self, lease: int, amount: int) -> None:
        self.leases[lease].spent += amount

    def _booking(self, lease: int, part: str, spent: int, keep: int) -> None:
        self.leases[lease].telling = part, spent, keep

    def _done(self, number: int) -> None:
        lease = self.leases[number]
        if lease.telling is not None:
            lease.spent -= lease.telling[1]
            lease.telling = None

    def _end(self, lease: int) -> None:
        del self.leases[lease]


def recover(folder: Path, own: str, centre: Lender) -> bool:
    """Do it for every log in the folder but our own; whether there was any. Raises StoreError."""
    found = [_recovered(path, centre) for path in _logs(folder, own)]
    return any(found)


def are_there(folder: Path, own: str) -> bool:
    """Whether there are logs but our own, of the living or the dead."""
    return any(True for _ in _logs(folder, own))


def _logs(folder: Path, own: str) -> Iterator[Path]:
    try:
        names = [name for name in os.listdir(folder) if name != own and name.endswith((".log", ".new"))]  # noqa: PTH208
    except OSError:
        names = []
    return (folder / name for name in names)


def _recovered(path: Path, centre: Lender) -> bool:
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False  # another process was quicker
    try:
        if not try_lock(file) or not is_of(file, path):
            return False
        if path.suffix == ".log":
            with os.fdopen(os.dup(file), "rb") as reading:
                _give_back(path, reading.read(), centre)
        path.unlink()
    except OSError as error:
        failed("lease recovery", error)
        return False
    finally:
        os.close(file)
    return True


def _give_back(path: Path, data: bytes, centre: Lender) -> None:
    reader = Reader()
    try:
        reader.read(data)
    except (ValueError, LookupError, TypeError) as error:
        # What the rest would tell nobody knows. Nothing goes back: the centre charges the leases when they expire.
        failed("lease recovery", ValueError(f"{path} is damaged: {error!r}"))
        return
    now = centre.now()
    for lease in reader.leases.values():
        claims = (Claim(lease.counter, 0),)
        ttl = max((reader.expires[hold] - now for hold in lease.holds), default=0.0)
        if lease.telling is not None:
            part, spent, keep = lease.telling
            centre.convert(lease.id, part, claims, (spent,), (keep,), max(1.0, ttl))
            lease.spent -= spent
        held = sum(lease.holds.values())
        centre.convert(lease.id, f"{lease.id}/end", claims, (lease.spent,), (held,), max(0.0, ttl))
