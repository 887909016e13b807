"""What `opentelemetry-instrument` finds by entry point: our distro and our instrumentor."""

from __future__ import annotations

from typing import Any

from opentelemetry.instrumentation.distro import BaseDistro
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor
from typing_extensions import override

from spanledger.pipeline.start import attach, current, defaults

#: Instrumentors of other packages for what our adapters own. Two would count every token twice.
OWNED = frozenset({"openai", "anthropic", "langchain", "fastapi", "celery", "threading"})


class SpanledgerDistro(BaseDistro):
    """Defaults for what the user left open; and of other packages' instrumentors, only those that double nothing."""

    @override
    def _configure(self, **kwargs: Any) -> None:
        defaults()

    def load_instrumentor(self, entry_point: Any, **kwargs: Any) -> None:
        """Load an instrumentor unless one of our adapters does its work."""
        if entry_point.name not in OWNED:
            super().load_instrumentor(entry_point, **kwargs)


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
