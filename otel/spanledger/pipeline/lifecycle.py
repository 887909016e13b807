"""How telemetry ends: at exit, on SIGTERM, in children of multiprocessing; and how it begins anew after a fork."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType, ModuleType
from typing import Any

import wrapt
from opentelemetry.sdk.metrics import MeterProvider

from spanledger.errors import contained, log

#: Seconds that telemetry gets at the end of a process; what is unsent then is dropped and counted.
GRACE = 1.5


class Ending:
    """Runs the closing steps of a process once, side by side, for no longer than the grace.

    `steps` are what is to be closed (they may block); `undelivered` counts spans that did not arrive.
    """

    def __init__(self, steps: list[Callable[[], Any]], undelivered: Callable[[], int], grace: float = GRACE) -> None:
        self._steps = steps
        self._undelivered = undelivered
        self._grace = grace
        self._done = False

    def also(self, step: Callable[[], Any]) -> None:
        """Close this too."""
        self._steps.append(step)

    def install(self) -> None:
        """Arrange to be called at every orderly end of this process and its children."""
        atexit.register(self)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forked)
        if "multiprocessing.util" in sys.modules:
            self._in_children(sys.modules["multiprocessing.util"])
        else:
            wrapt.register_post_import_hook(self._in_children, "multiprocessing.util")
        self._on_sigterm()

    def _forked(self) -> None:
        self._done = False

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
        """Close everything, within the grace."""
        if self._done:
            return
        self._done = True
        threads = [threading.Thread(target=_contained(step), daemon=True) for step in self._steps]
        for thread in threads:
            thread.start()
        deadline = threading.Event()
        timer = threading.Timer(self._grace, deadline.set)
        timer.daemon = True
        timer.start()
        for thread in threads:
            while thread.is_alive() and not deadline.is_set():
                thread.join(0.02)
        timer.cancel()
        if lost := self._undelivered():
            log.warning("%d spans could not be delivered within %g s and are dropped", lost, self._grace)


def _contained(step: Callable[[], Any]) -> Callable[[], None]:
    def run() -> None:
        with contained("shutdown"):
            step()

    return run


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
