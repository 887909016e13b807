"""Exporters that take everything and send nothing, and tell what they were given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult


class Seen:
    """What all exporters of this process were given since the last `clear`. Spans are kept only while `keep` is on."""

    keep = False
    spans: list[ReadableSpan] = []  # noqa: RUF012  one for the process, on purpose
    points = 0

    @classmethod
    def clear(cls, *, keep: bool) -> None:
        """Start anew."""
        cls.keep, cls.points = keep, 0
        cls.spans.clear()


class NullSpans(SpanExporter):
    """Takes spans."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Take a batch."""
        if Seen.keep:
            Seen.spans.extend(spans)
        return SpanExportResult.SUCCESS


class NullMetrics(MetricExporter):
    """Takes metrics, with the temporality that is the SDK's default."""

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **_: Any) -> MetricExportResult:
        """Take one collection."""
        del timeout_millis
        if Seen.keep:
            scopes = [scope for resource in metrics_data.resource_metrics for scope in resource.scope_metrics]
            Seen.points += sum(len(metric.data.data_points) for scope in scopes for metric in scope.metrics)
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Nothing is held back."""
        del timeout_millis
        return True

    def shutdown(self, timeout_millis: float = 30_000, **_: Any) -> None:
        """Nothing is open."""
