"""The end of the chain: batches for every exporter, counted, so that nothing is lost in silence."""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SynchronousMultiSpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from spanledger.errors import failed


class Counted(SpanExporter):
    """An exporter that keeps count of what it was given and what arrived."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self.delivered = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Deliver a batch."""
        result = self._exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            self.delivered += len(spans)
        return result

    def shutdown(self) -> None:
        """Close the connection."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Deliver what the exporter itself holds back."""
        return self._exporter.force_flush(timeout_millis)


class FanOut(SynchronousMultiSpanProcessor):
    """Gives every sampled span to the batch of every exporter. An exporter that raises does not hurt the others."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._exporters: list[Counted] = []
        self.accepted = 0

    def join(self, exporter: SpanExporter) -> None:
        """Add an exporter, with a batch of its own."""
        counted = Counted(exporter)
        self._exporters.append(counted)
        self.add_span_processor(BatchSpanProcessor(counted))

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Batches want spans that have ended."""

    def on_end(self, span: ReadableSpan) -> None:
        """Queue a span for export."""
        context = span.context
        if context is None or not context.trace_flags.sampled:
            return
        if self._exporters:
            self.accepted += 1
        try:
            super().on_end(span)
        except Exception as error:  # noqa: BLE001  contained, without the cost of a context for every span
            failed("export", error)

    @property
    def undelivered(self) -> int:
        """Spans that have not arrived at every exporter."""
        return sum(self.accepted - exporter.delivered for exporter in self._exporters)

    def forked(self) -> None:
        """A child has its own count; the queue was emptied by the batches themselves."""
        self.accepted = 0
        for exporter in self._exporters:
            exporter.delivered = 0
