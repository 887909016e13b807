"""A thread that does something every so often, for as long as there is something to do."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Beat:
    """Calls `work` every `every` seconds from `ready` on, until it returns False. None: never.

    The thread is a daemon: an app that ends does not wait for it.
    """

    def __init__(self, every: float | None, work: Callable[[], bool]) -> None:
        self._every = every
        self._work = work
        self.begin()

    def begin(self) -> None:
        """With no thread: at first, and in a forked child."""
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def ready(self) -> None:
        """Make sure that it beats."""
        if self._every is None or self._thread is not None:
            return
        with self._lock:
            if self._thread is None:
                self._stop = threading.Event()
                self._thread = threading.Thread(
                    target=self._beat, args=(self._every, self._stop), name="spanledger-leases", daemon=True
                )
                self._thread.start()

    def stop(self) -> None:
        """Let it end; `ready` starts another one."""
        with self._lock:
            self._stop.set()
            self._thread = None

    def _beat(self, every: float, stop: threading.Event) -> None:
        while not stop.wait(every):
            more = self._work()
            with self._lock:
                if not more and not stop.is_set():
                    self._thread = None
                    return
