"""OpenTelemetry in the process of a contender: the SDK with null exporters, a plain span, and what was exported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry import metrics, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from bench import provider
from bench.exporters import NullSpans, Seen

Act = Callable[[], object]

_AT_START: dict[str, Any] = {
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": provider.CHAT_MODEL,
    "gen_ai.request.temperature": 0.2,
    "gen_ai.request.max_tokens": 200,
    "server.address": "api.openai.com",
    "server.port": 443,
}
_AT_END: dict[str, Any] = {
    "gen_ai.response.id": "chatcmpl-BenchBenchBenchBenchBench0001",
    "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.usage.input_tokens": 148,
    "gen_ai.usage.output_tokens": 96,
}


def set_up() -> None:
    """The SDK as an app sets it up for traces, with a null exporter behind a batch."""
    tracing = TracerProvider()
    tracing.add_span_processor(BatchSpanProcessor(NullSpans()))
    trace.set_tracer_provider(tracing)


def in_span(kind: str, act: Act) -> Act:
    """A call inside a CLIENT span of a dozen attributes, which is the least that any tracing costs."""
    tracer = trace.get_tracer("bench")
    name, at_start = f"{kind} {provider.CHAT_MODEL}", {"gen_ai.operation.name": kind, **_AT_START}

    def acted() -> object:
        with tracer.start_as_current_span(name, kind=trace.SpanKind.CLIENT, attributes=at_start) as span:
            result = act()
            span.set_attributes(_AT_END)
        return result

    return acted


def flush() -> None:
    """Let everything that waits for an exporter be exported, in whatever thread does so."""
    tracing: Any = trace.get_tracer_provider()
    tracing.force_flush()
    # The provider's own force_flush leaves out the readers that were added after it was made.
    for reader in list(getattr(metrics.get_meter_provider(), "_all_metric_readers", ())):
        reader.force_flush()


def proof(acts: Mapping[str, Act]) -> dict[str, Any]:
    """What one call of each kind exports: spans, attributes on them, metric points; and whether content is in it."""
    found: dict[str, Any] = {}
    for kind, act in acts.items():
        flush()
        Seen.clear(keep=True)
        act()
        flush()
        values = [str(value) for span in Seen.spans for value in (span.attributes or {}).values()]
        found[kind] = {
            "spans": len(Seen.spans),
            "attributes": len(values),
            "points": Seen.points,
            "content": any(word in value for value in values for word in (provider.ASKED, provider.ANSWERED)),
        }
    Seen.clear(keep=False)
    return found
