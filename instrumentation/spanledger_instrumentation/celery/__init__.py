"""Celery: a task belongs to the run, trace and tenant of whoever sent it.

At publishing, trace and scope go into the headers of the message; in the worker they hold from before the task's code
until its callbacks, chain and chord have been sent on. The broker is the team's own, so the scope is believed: but only
our header, which is written from the sender's scope. Baggage of ours, which a client may have brought into the sender
from outside, is not.

A task is a CONSUMER span `run/{task}`, named as opentelemetry-instrumentation-celery names it, with the messaging
attributes of the conventions. Publishing makes no span: it says nothing about cost. Where that package is installed and
active, the spans are its own and only the scope is ours. A task that brings no run is one, named by its task id. Eager
tasks stay inside the scope of their caller.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any, ClassVar

from opentelemetry import context, metrics, trace

from spanledger.call import Calls
from spanledger.errors import contained
from spanledger_instrumentation import carrier
from spanledger_instrumentation.adapter import Adapter
from spanledger_instrumentation.celery.execution import Execution

_UPSTREAM = "opentelemetry.instrumentation.celery"
#: Milliseconds that a pool process gives its last spans and its last metrics at its end.
_FLUSH = 2_000


class CeleryAdapter(Adapter):
    """Carries trace and scope with each task, and opens its span."""

    library: ClassVar[str] = "celery"

    def __init__(self, calls: Calls) -> None:
        super().__init__(calls)
        self._running: dict[int, Execution] = {}
        self._signals: Any = None

    def install(self) -> None:
        """Connect to Celery's signals once it has been imported, behind those of upstream's instrumentation."""
        self.when_imported("celery.signals", self._imported)
        self.wrap(_UPSTREAM, "CeleryInstrumentor._instrument", self._upstream_instruments, required=False)

    def uninstall(self) -> None:
        """Disconnect from the signals."""
        super().uninstall()
        self._disconnect()
        self._signals = None

    def _imported(self, signals: ModuleType) -> None:
        self._signals = signals
        self._connect()

    def _receivers(self) -> list[tuple[Any, Any]]:
        signals = self._signals
        return [] if signals is None else [
            (signals.before_task_publish, self._publish),
            (signals.task_prerun, self._begin),
            (signals.task_failure, self._fail),
            (signals.task_postrun, self._end),
            (signals.worker_process_shutdown, self._flush),
        ]  # fmt: skip

    def _connect(self) -> None:
        for signal, receiver in self._receivers():
            signal.connect(receiver, weak=False)

    def _disconnect(self) -> None:
        for signal, receiver in self._receivers():
            signal.disconnect(receiver)

    def _upstream_instruments(self, wrapped: Any, _instance: Any, args: Any, kwargs: Any) -> Any:
        """Receivers are called in the order in which they were connected, and ours must see upstream's context."""
        result = wrapped(*args, **kwargs)
        self._disconnect()
        self._connect()
        return result

    def _publish(self, headers: dict[str, Any] | None = None, **_: Any) -> None:
        with contained(self.library):
            if headers is not None:
                headers.update(carrier.pack(context.get_current()))

    def _begin(self, task_id: str = "", task: Any = None, **_: Any) -> None:
        with contained(self.library):
            request = task.request
            tracer = None if _upstream_is_active() else self.calls.tracer
            self._running[id(request)] = Execution(task, request, task_id, tracer)

    def _fail(self, sender: Any = None, exception: BaseException | None = None, **_: Any) -> None:
        with contained(self.library):
            running = self._running.get(id(sender.request))
            if running is not None and exception is not None:
                running.failed(exception)

    def _end(self, task: Any = None, state: str | None = None, **_: Any) -> None:
        with contained(self.library):
            running = self._running.pop(id(task.request), None)
            if running is None:
                return
            # An eager task that lets its error through to the caller sends no signal of failure.
            if state is None and (error := sys.exc_info()[1]) is not None and not _is_control_flow(error):
                running.failed(error)
            running.end()

    @staticmethod
    def _flush(**_: Any) -> None:
        """Pool processes leave by `os._exit`, past `atexit` and past the finalizers of multiprocessing."""
        for provider in (trace.get_tracer_provider(), metrics.get_meter_provider()):
            with contained("celery"):
                if callable(flush := getattr(provider, "force_flush", None)):
                    flush(_FLUSH)


def _upstream_is_active() -> bool:
    module: Any = sys.modules.get(_UPSTREAM)
    return module is not None and bool(module.CeleryInstrumentor().is_instrumented_by_opentelemetry)


def _is_control_flow(error: BaseException) -> bool:
    """Whether a task says by an exception how it goes on: `Retry`, `Ignore` and `Reject` are no failures."""
    predicate: type[BaseException] = sys.modules["celery.exceptions"].TaskPredicate
    return isinstance(error, predicate)
