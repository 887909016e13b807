"""What `opentelemetry-instrument` finds by entry point: our distro and our instrumentor."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import wrapt
from opentelemetry.instrumentation.distro import BaseDistro
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor
from opentelemetry.metrics import NoOpMeterProvider
from typing_extensions import override

from spanledger.errors import contained
from spanledger.pipeline.start import attach, current, defaults
from spanledger.semconv import openllmetry

#: Instrumentors of other packages for what our adapters own. Two would count every token twice.
OWNED = frozenset({"openai", "anthropic", "langchain", "litellm", "fastapi", "celery", "threading"})
#: Instrumentors that traceloop-sdk brings along and that import their library: loaded once the app has imported it.
LATER = {"redis": "redis", "requests": "requests", "sqlalchemy": "sqlalchemy", "urllib3": "urllib3"}
#: OpenTelemetry's own instrumentors of models. Their spans are counted by our meters, and would be by theirs again.
_GENAI = ("opentelemetry.instrumentation.genai.", "opentelemetry.instrumentation.google_genai")


class SpanledgerDistro(BaseDistro):
    """Defaults for what the user left open; and of other packages' instrumentors, only those that double nothing."""

    @override
    def _configure(self, **kwargs: Any) -> None:
        defaults()

    def load_instrumentor(self, entry_point: Any, **kwargs: Any) -> None:
        """Load an instrumentor, now or when there is work for it, unless one of our adapters does so."""
        module = entry_point.value.partition(":")[0]
        if entry_point.name in OWNED or module in openllmetry.MODULES:
            return
        if module.startswith(_GENAI):
            kwargs["meter_provider"] = NoOpMeterProvider()
        load = super().load_instrumentor
        if (library := LATER.get(entry_point.name)) is None:
            load(entry_point, **kwargs)
            return

        def imported(_: ModuleType) -> None:
            with contained(entry_point.name):
                load(entry_point, **kwargs)

        wrapt.register_post_import_hook(imported, library)


class SpanledgerInstrumentor(BaseInstrumentor):
    """Installs the adapters; and the chain, where another configurator was first."""

    def instrumentation_dependencies(self) -> list[str]:
        """None: what is not installed is never imported, so its adapter simply waits."""
        return []

    @override
    def _instrument(self, **kwargs: Any) -> None:
        runtime = attach()
        runtime.say_problems()
        runtime.install()

    @override
    def _uninstrument(self, **kwargs: Any) -> None:
        if runtime := current():
            runtime.shutdown()
