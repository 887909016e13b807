"""OpenLLMetry: its instrumentors for what no adapter of ours meters, and traceloop-sdk's decorators.

An instrumentor is switched on once the app has imported its library. What it tells of a call is priced and counted by
the pipeline, on its span. It keeps no metrics of its own, and content only where our setting asks for it.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, ClassVar

import wrapt
from opentelemetry import trace
from opentelemetry.metrics import NoOpMeterProvider

from spanledger.call import Calls
from spanledger.errors import contained, log
from spanledger.semconv.openllmetry import INSTRUMENTORS, Instrumentor
from spanledger_instrumentation.adapter import Adapter, PatchPoint
from spanledger_instrumentation.traceloop.sdk import SdkSeams


class TraceloopAdapter(Adapter):
    """Switches OpenLLMetry's instrumentors on, and reads its decorators as scope."""

    library: ClassVar[str] = "traceloop-sdk"

    def __init__(self, calls: Calls, *, provider: trace.TracerProvider | None = None) -> None:
        super().__init__(calls)
        self._provider = provider

    def install(self) -> None:
        """Register the import hooks. Imports neither traceloop-sdk nor any instrumentor."""
        self._say("TRACELOOP_TELEMETRY", "false")
        self._say("TRACELOOP_SUPPRESS_WARNINGS", "true")
        self._say("TRACELOOP_TRACE_CONTENT", "true" if self._keeps_content() else "false")
        for instrumentor in INSTRUMENTORS:
            for module in instrumentor.waits_for:
                self._await(instrumentor, module)
        SdkSeams(self.calls, self._provider).install(self)

    def _keeps_content(self) -> bool:
        """Content is kept where our setting asks for it and traceloop's own does not forbid it."""
        theirs = os.environ.get("TRACELOOP_TRACE_CONTENT", "true").lower() == "true"
        return theirs and self.calls.settings.capture_content == "span"

    def _say(self, name: str, value: str) -> None:
        """Set a variable that OpenLLMetry reads at each call. An app's own choice stands, except that of content."""
        before = os.environ.get(name)
        if before is not None and name != "TRACELOOP_TRACE_CONTENT":
            return
        os.environ[name] = value
        self._undo.append(lambda: _restore(name, before))

    def _await(self, instrumentor: Instrumentor, module: str) -> None:
        point = PatchPoint(module, f"{instrumentor.module}:{instrumentor.kind}", required=False)
        self.points.append(point)

        def imported(_: ModuleType) -> None:
            if instrumentor.known_by is not None and instrumentor.known_by not in sys.modules:
                return
            try:
                home = importlib.import_module(instrumentor.module)
                _contain_hooks(instrumentor.module)
                self._switch_on(getattr(home, instrumentor.kind))
                point.state = "patched"
            except ModuleNotFoundError as error:
                point.state = "missing"
                if error.name is None or not instrumentor.module.startswith(error.name):
                    self._unable(instrumentor, error)
            except Exception as error:  # noqa: BLE001  whatever it raises, the app has imported a library and no more
                point.state = "missing"
                self._unable(instrumentor, error)

        self.when_imported(module, imported)

    @staticmethod
    def _unable(instrumentor: Instrumentor, error: Exception) -> None:
        log.warning(
            "%s cannot instrument %s as it is installed: %s; it is left alone",
            instrumentor.module,
            instrumentor.waits_for[0],
            getattr(error, "conflict", None) or repr(error),
        )

    def _switch_on(self, kind: Any) -> None:
        """Instrument, unless somebody has; a second instance would change the settings of the first.

        Its metrics go nowhere, because our meters count what its spans tell. They are not switched off by
        `TRACELOOP_METRICS_ENABLED`: without them, Bedrock's instrumentor loses the usage of its spans too.
        """
        existing = getattr(kind, "_instance", None)
        if existing is not None and existing.is_instrumented_by_opentelemetry:
            return
        instrumentor = kind()
        instrumentor.instrument(
            tracer_provider=self._provider, meter_provider=NoOpMeterProvider(), raise_exception_on_conflict=True
        )
        self._undo.append(lambda: _switch_off(instrumentor))


def _contain_hooks(module: str) -> None:
    """Let import hooks that an instrumentor registers itself not break the import of a library that it does not know.

    MCP's has some that fail with mcp 2; the app would see them as a failure of its own import.
    """
    for name, part in list(sys.modules.items()):
        if name.startswith(module) and "register_post_import_hook" in vars(part):
            vars(part)["register_post_import_hook"] = _register_contained


def _register_contained(hook: Callable[[ModuleType], Any], name: str) -> None:
    def contained_hook(imported: ModuleType) -> None:
        try:
            hook(imported)
        except Exception as error:  # noqa: BLE001  whatever it raises, the app has imported a library and no more
            log.warning("OpenLLMetry cannot instrument %s as it is installed: %r", name, error)

    wrapt.register_post_import_hook(contained_hook, name)


def _restore(name: str, before: str | None) -> None:
    os.environ.pop(name, None)
    if before is not None:
        os.environ[name] = before


def _switch_off(instrumentor: Any) -> None:
    with contained("traceloop-sdk"):
        instrumentor.uninstrument()
