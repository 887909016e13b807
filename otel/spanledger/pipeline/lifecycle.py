"""How telemetry ends: at exit, on SIGTERM, in children of multiprocessing; and how it begins anew after a fork."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType, ModuleType
from typing import Any

import wrapt
from opentelemetry.sdk.metrics import MeterProvider

from spanledger.errors import contained, log

#: Seconds that telemetry gets at the end of a process; what is unsent then is dropped and counted.
GRACE = 1.5
#: Seconds that the books get before that, as long as their store waits for others.
PATIENCE = 5.0


class Ending:
    """Runs the closing steps of a process once, side by side, for no longer than the grace.

    `first` is done before anything is closed: it settles what is still open. `undelivered` counts spans that did not
    arrive. The threads of the steps wait from the beginning, because an interpreter that ends starts none (3.12). Not
    even `first` is done by the thread that ends the process: a signal may have stopped that in the midst of a store's
    operation, with the lock that `first` waits for.
    """

    def __init__(
        self,
        first: Callable[[], Any],
        undelivered: Callable[[], int],
        grace: float = GRACE,
        patience: float = PATIENCE,
    ) -> None:
        self._first = first
        self._undelivered = undelivered
        self._grace = grace
        self._patience = patience
        self._steps: list[Callable[[], Any]] = []
        self._begin()

    def _begin(self) -> None:
        self._done = False
        self._soon, self._now = threading.Event(), threading.Event()
        self._settling = self._when(self._soon, self._first)
        self._threads: list[threading.Thread] = []
        for step in self._steps:
            self._wait(step)

    def also(self, step: Callable[[], Any]) -> None:
        """Close this too; it may block."""
        self._steps.append(step)
        self._wait(step)

    def _wait(self, step: Callable[[], Any]) -> None:
        self._threads.append(self._when(self._now, step))

    @staticmethod
    def _when(moment: threading.Event, step: Callable[[], Any]) -> threading.Thread:
        def close() -> None:
            moment.wait()
            with contained("shutdown"):
                step()

        thread = threading.Thread(target=close, name="spanledger-ending", daemon=True)
        thread.start()
        return thread

    def install(self) -> None:
        """Arrange to be called at every orderly end of this process and its children."""
        atexit.register(self)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._begin)
        if "multiprocessing.util" in sys.modules:
            self._in_children(sys.modules["multiprocessing.util"])
        else:
            wrapt.register_post_import_hook(self._in_children, "multiprocessing.util")
        self._on_sigterm()

    def _in_children(self, util: ModuleType) -> None:
        """Children of multiprocessing leave by `os._exit`, past `atexit`; its own finalizers do run."""
        util.register_after_fork(self, lambda ending: util.Finalize(None, ending, exitpriority=0))

    def _on_sigterm(self) -> None:
        """An app without a handler of its own would die before anything is sent."""
        if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, self._terminated)

    def _terminated(self, number: int, _frame: FrameType | None) -> None:
        self()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    def __call__(self) -> None:
        """Close everything: the books, then the rest within the grace."""
        if self._done:
            return
        self._done = True
        self._soon.set()
        self._settling.join(self._patience)
        self._now.set()
        deadline = time.monotonic() + self._grace
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        if lost := self._undelivered():
            log.warning("%d spans could not be delivered within %g s and are dropped", lost, self._grace)


def counters_from_zero(provider: MeterProvider) -> None:
    """Let the counters of a forked child start at zero; the SDK would go on from its parent's and count those twice.

    The SDK has no public way to do so: its readers are taken out of the consumer of measurements and put in again,
    which gives each a new storage.
    """

    def forked() -> None:
        with contained("fork"):
            consumer: Any = provider._measurement_consumer  # noqa: SLF001
            consumer._lock = threading.Lock()  # noqa: SLF001
            for reader in list(consumer._reader_storages):  # noqa: SLF001
                consumer.remove_metric_reader(reader)
                consumer.add_metric_reader(reader)

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=forked)
