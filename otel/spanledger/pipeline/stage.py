"""What every processor of the chain is: it holds the next one and hands it what it made of a span."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.trace import Status


class Stage(SpanProcessor):
    """A processor that passes everything on. Subclasses override what they change.

    `pass_start` and `pass_end` lead to the next stage that does not merely pass on: the way through the chain is gone
    for every span of the app.
    """

    def __init__(self, following: SpanProcessor) -> None:
        self.following = following
        self.pass_start: Callable[[Span, Context | None], None] = _acting(following, "on_start").on_start
        self.pass_end: Callable[[ReadableSpan], None] = _acting(following, "on_end").on_end

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """A span has started; its attributes can still be set."""
        self.pass_start(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        """A span has ended. It cannot be changed any more; a changed copy can be passed on."""
        self.pass_end(span)

    def shutdown(self) -> None:
        """No more spans will come."""
        self.following.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Export what is waiting."""
        return self.following.force_flush(timeout_millis)


def _acting(processor: SpanProcessor, method: str) -> SpanProcessor:
    """The first processor from here on that has a method of its own."""
    while isinstance(processor, Stage) and getattr(type(processor), method) is getattr(Stage, method):
        processor = processor.following
    return processor


def plain(attributes: Any) -> dict[str, Any]:
    """Attributes as a dictionary. The SDK's own mapping is slow to walk, but quick to copy."""
    return attributes.copy() if attributes else {}


def copied(
    span: ReadableSpan,
    attributes: Mapping[str, Any],
    *,
    events: Any = None,
    status: Status | None = None,
) -> ReadableSpan:
    """An ended span with other attributes, and other events or status if given. An ended span itself is frozen."""
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=attributes,
        events=span.events if events is None else events,
        links=span.links,
        kind=span.kind,
        instrumentation_scope=span.instrumentation_scope,
        status=status or span.status,
        start_time=span.start_time,
        end_time=span.end_time,
    )
