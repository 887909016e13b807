"""Work that the garbage collector finds: it may not be done where it is found.

A finalizer runs in the middle of whatever its thread was doing, with whatever locks that holds. So it only puts the
work into a queue that needs no lock of Python's, and a thread beside does it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from queue import SimpleQueue

from spanledger.errors import contained


class Afterwards:
    """Does what is put, soon and elsewhere. The thread starts with the first `ready` and is daemonic."""

    def __init__(self) -> None:
        self._begin()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._queue: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def ready(self) -> None:
        """Make sure that somebody will do the work. Not for finalizers."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="spanledger-afterwards", daemon=True)
            self._thread.start()

    def put(self, work: Callable[[], None]) -> None:
        """Hand work over. Safe in finalizers: `SimpleQueue.put` may interrupt itself."""
        self._queue.put(work)

    def _work(self) -> None:
        queue = self._queue
        while True:
            with contained("afterwards"):
                queue.get()()
