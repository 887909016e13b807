"""Traces as paths, and a stand-in for a call to a model that any code can make anywhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan

from spanledger import scope
from spanledger.scope import Scope


@dataclass(frozen=True)
class Called:
    """What a call to a model found where it was made: who pays, and the span that it hangs below (0 for none)."""

    scope: Scope
    parent: int
    trace: int


def call() -> Called:
    """Stands for a call to a model: a span by the plain OpenTelemetry API."""
    parent = trace.get_current_span().get_span_context()
    with trace.get_tracer("app").start_as_current_span("call") as span:
        return Called(scope.current(), parent.span_id, span.get_span_context().trace_id)


def paths(spans: Iterable[ReadableSpan]) -> list[str]:
    """Each span by the names of the spans around it and its own, sorted: `run > analyze > call`."""
    found = list(spans)
    by_id = {span.context.span_id: span for span in found if span.context}

    def path(span: ReadableSpan) -> str:
        if span.parent is None:
            return span.name
        above = by_id.get(span.parent.span_id)
        return f"{path(above) if above else '?'} > {span.name}"

    return sorted(path(span) for span in found)


def run_of(server: ReadableSpan) -> str:
    """The run that a request is by itself, by its server span."""
    assert server.context is not None
    return f"{server.context.trace_id:032x}-{server.context.span_id:016x}"
