"""What a store remembers beside its counters, by key: what one process begins and another one ends.

A response made in the background, or a batch, is submitted by one process and read by another, hours later. What
the reader must know (who pays, which hold is to be settled), and what has been metered already, is kept here.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection
from typing import Protocol

from spanledger.budget import forks

#: Notes that one process keeps; then the oldest are dropped.
KEPT = 200_000


class Notes(Protocol):
    """Text under keys, each until its time is over (`ttl` seconds from now on). Every operation is atomic.

    All operations are safe for threads, and raise `StoreError` and nothing else.
    """

    def put(self, key: str, value: str, ttl: float) -> None:
        """Remember a value under this key, in place of any other."""

    def peek(self, key: str) -> str | None:
        """What stands under the key, left in its place."""

    def take(self, key: str) -> str | None:
        """What stands under the key, once: of all who ask, in whatever process, one is given it."""

    def first(self, keys: Collection[str], ttl: float) -> set[str]:
        """Those of these keys that nothing stands under; from now on something does."""


class MemoryNotes:
    """Notes of this process. Every method does what `Notes` says; `clock` tells seconds since the epoch."""

    def __init__(self, clock: Callable[[], float], limit: int = KEPT) -> None:
        self._clock = clock
        self._limit = limit
        self._notes: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self._lock = threading.Lock()
        forks.tell(self)

    def put(self, key: str, value: str, ttl: float) -> None:
        """Remember a value."""
        with self._lock:
            self._put(key, value, self._clock() + ttl)

    def peek(self, key: str) -> str | None:
        """What stands under the key."""
        with self._lock:
            return self._found(key)

    def take(self, key: str) -> str | None:
        """The same, once."""
        with self._lock:
            found = self._found(key)
            self._notes.pop(key, None)
            return found

    def first(self, keys: Collection[str], ttl: float) -> set[str]:
        """The keys that are new."""
        with self._lock:
            fresh = {key for key in keys if self._found(key) is None}
            for key in fresh:
                self._put(key, "", self._clock() + ttl)
            return fresh

    def before_fork(self) -> None:
        """Wait until no thread is changing anything."""
        self._lock.acquire()

    def in_parent(self) -> None:
        """Go on."""
        self._lock.release()

    def in_child(self) -> None:
        """Go on, with a copy of what the parent remembers."""
        self._lock.release()

    def _found(self, key: str) -> str | None:
        value, expires = self._notes.get(key, ("", 0.0))
        return value if self._clock() < expires else None

    def _put(self, key: str, value: str, expires: float) -> None:
        self._notes.pop(key, None)
        self._notes[key] = (value, expires)
        while len(self._notes) > self._limit:
            self._notes.popitem(last=False)
