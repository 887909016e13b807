"""How a process gets its runtime: from the environment, in code, or behind another distribution."""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, ClassVar, TypeVar

from opentelemetry.environment_variables import OTEL_LOGS_EXPORTER, OTEL_METRICS_EXPORTER, OTEL_TRACES_EXPORTER
from opentelemetry.sdk._configuration import _OTelSDKConfigurator
from typing_extensions import override

from spanledger import caching
from spanledger.budget.listing import rows
from spanledger.budget.store import StoreError
from spanledger.errors import SpanledgerError, contained, log
from spanledger.guard import BudgetWarning, Decider, Guard, Warned
from spanledger.pipeline.exporters import metric_readers, span_exporters
from spanledger.pipeline.runtime import VERSION, Runtime, providers

Callback = TypeVar("Callback", bound=Callable[..., object])

_OURS = "OTEL_PYTHON_DISTRO=spanledger OTEL_PYTHON_CONFIGURATOR=spanledger"


class _Current:
    """The runtime of this process, from the moment it was made."""

    runtime: Runtime | None = None
    listeners: ClassVar[list[Callable[[Guard], None]]] = []
    """What is to be added to its guard once there is one."""


def current() -> Runtime | None:
    """The runtime that the environment or `init` has set up; None before that, and once it was shut down."""
    found = _Current.runtime
    return None if found is None or found.closed else found


def defaults() -> None:
    """What is meant where the environment says nothing."""
    os.environ.setdefault(OTEL_TRACES_EXPORTER, "otlp")
    os.environ.setdefault(OTEL_METRICS_EXPORTER, "otlp")
    os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "http")
    if os.environ.get(OTEL_LOGS_EXPORTER, "none") == "none":
        # the logging instrumentor's handler would lead nowhere, and keep Python from writing warnings to standard error
        os.environ.setdefault("OTEL_PYTHON_LOG_AUTO_INSTRUMENTATION", "false")


@contextmanager
def _without_exporters() -> Iterator[None]:
    """While the SDK configures itself it makes no exporters: ours stand behind the chain."""
    kept = {name: os.environ.get(name) for name in (OTEL_TRACES_EXPORTER, OTEL_METRICS_EXPORTER)}
    os.environ.update(dict.fromkeys(kept, "none"))
    try:
        yield
    finally:
        for name, value in kept.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


class SpanledgerConfigurator(_OTelSDKConfigurator):
    """Sets the SDK up from the environment as always, with one chain in front of all span exporters."""

    @override
    def _configure(self, **kwargs: Any) -> None:
        kwargs.pop("auto_instrumentation_version", None)
        kwargs["resource_attributes"] = {
            **kwargs.get("resource_attributes", {}),
            "telemetry.distro.name": "spanledger",
            "telemetry.distro.version": VERSION,
        }
        with _without_exporters():
            super()._configure(**kwargs)  # type: ignore[no-untyped-call]
        runtime = Runtime.of()
        if adopt(runtime, owned=True):
            for exporter in span_exporters():
                runtime.export.join(exporter)
            runtime.read_metrics(metric_readers())


def adopt(runtime: Runtime, *, owned: bool) -> bool:
    """Connect a runtime to the SDK's providers and make it this process's. False where no SDK is set up.

    Providers that we set up are `owned`, and closed by us; those of the app are its own to close. Without any, the
    books are kept all the same, and closed when the process ends.
    """
    _Current.runtime = runtime
    listeners, _Current.listeners[:] = list(_Current.listeners), []
    for listen in listeners:
        if runtime.calls.guard is not None:
            listen(runtime.calls.guard)
    tracing, metering = providers()
    if tracing is None:
        runtime.alone().install()
        return False
    if owned:
        atexit.unregister(tracing.shutdown)
        if metering is not None:
            atexit.unregister(metering.shutdown)
    runtime.connect(tracing, metering, owned=owned)
    if runtime.ending is not None:
        runtime.ending.install()
    return True


def attach() -> Runtime:
    """The runtime of this process; made now, behind whoever set the SDK up, if our configurator did not."""
    runtime = current()
    if runtime is None:
        runtime = Runtime.of()
        if adopt(runtime, owned=False):
            log.warning(
                "another distribution set OpenTelemetry up: what it exports we neither price nor redact; set %s",
                _OURS,
            )
    return runtime


def budgets() -> list[dict[str, object]]:
    """What `spanledger budgets --format json` prints, for the budgets of this process; empty where it has none.

    Raises:
        SpanledgerError: the store cannot be read.
    """
    runtime = current()
    guard = runtime.calls.guard if runtime else None
    if guard is None or guard.store is None:
        return []
    try:
        return [row.as_json() for row in rows(guard.register.budgets, guard.store)]
    except StoreError as error:
        raise SpanledgerError(f"the store of the budgets cannot be read: {error}") from error


def cache_event(
    layer: str,
    hit: bool,
    *,
    saved: Decimal | str | float | None = None,
    operation: str | None = None,
    id: str | None = None,  # noqa: A002  the name that users write
) -> None:
    """Say that a cache of the app's was asked, before or instead of a model. Does nothing before `init()`.

    Args:
        layer: Which cache: `l1`, `l2`, `prompt`, or any name of yours.
        hit: Whether it answered.
        saved: What the answer saved, in USD.
        operation: What the model would have done, such as `chat` or `embeddings`.
        id: Of this event: told twice under one id, it counts once in the ledger.

    Run, stage and tenant are those that hold here.
    """
    runtime = current()
    if runtime is not None and runtime.settings.tracking:
        with contained("cache"):
            caching.asked(runtime.calls, layer, hit, saved=saved, operation=operation, id_=id)


def on_budget_pause(callback: Decider) -> Decider:
    """Ask this function whenever a call is paused; usable as a decorator.

    It is given a `BudgetPause` and returns the new limit (`8`, `Decimal("8")`, `"8USD"`), or None where it does not
    decide; a limit that is no higher refuses the call. A plain function runs in a thread, a coroutine function in the
    event loop of the call. What it raises is logged, and is no decision.

    Before `init()` it waits for the runtime to come.
    """
    return _listen(callback, lambda guard: guard.on_pause.append(callback))


def on_budget_warning(callback: Callable[[BudgetWarning], object]) -> Callable[[BudgetWarning], object]:
    """Call this function whenever a budget passes one of its warnings; usable as a decorator.

    Of all processes one is told. The function is called in the midst of the app, so it should be quick.
    """

    def told(warned: Warned) -> None:
        callback(BudgetWarning.of(warned))

    return _listen(callback, lambda guard: guard.on_warning.append(told))


def _listen(callback: Callback, listen: Callable[[Guard], None]) -> Callback:
    """Add a listener to the guard of this process, now or as soon as there is one; the callback."""
    runtime = current()
    if runtime is None:
        _Current.listeners.append(listen)
    elif runtime.calls.guard is not None:
        listen(runtime.calls.guard)
    return callback


def init() -> Runtime:
    """Set everything up in code, as `opentelemetry-instrument` would from the environment. Twice is once.

    Returns:
        The runtime; its `shutdown()` takes everything off again.
    """
    if (found := current()) is not None:
        return found
    if providers()[0] is None:
        defaults()
        SpanledgerConfigurator().configure()  # type: ignore[no-untyped-call]
    runtime = attach()
    runtime.say_problems()
    runtime.install()
    return runtime
