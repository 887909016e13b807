"""The exporters that `OTEL_TRACES_EXPORTER` and `OTEL_METRICS_EXPORTER` name.

They are made here and not by the SDK, because all of them stand behind one chain, and because a name that is not
installed must cost one warning and not the whole set-up.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Any

from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.trace.export import SpanExporter

from spanledger.endpoint import Signal, exporters, protocol
from spanledger.errors import log


def _made(signal: Signal) -> Iterator[Any]:
    """What the variable of a signal names; what cannot be made is logged and left out."""
    for name in exporters(os.environ, signal):
        wanted = name
        if name == "otlp":
            wanted = "otlp_proto_grpc" if protocol(os.environ, signal)[0] == "grpc" else "otlp_proto_http"
        found = list(entry_points(group=f"opentelemetry_{signal.lower()}_exporter", name=wanted))
        try:
            yield found[0].load()()
        except Exception as error:  # noqa: BLE001  whatever an exporter stumbles over, the app goes on
            why = repr(error) if found else "is not installed"
            log.warning("OTEL_%s_EXPORTER=%r: exporter %s %s; use otlp, console or none", signal, name, wanted, why)


def span_exporters() -> list[SpanExporter]:
    """The exporters of `OTEL_TRACES_EXPORTER`."""
    return list(_made("TRACES"))


def metric_readers() -> list[MetricReader]:
    """A reader for each exporter of `OTEL_METRICS_EXPORTER`; some exporters, such as Prometheus', are readers."""
    made = _made("METRICS")
    return [one if isinstance(one, MetricReader) else PeriodicExportingMetricReader(one) for one in made]
