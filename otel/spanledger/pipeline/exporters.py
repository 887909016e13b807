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

from spanledger.errors import log


def _made(signal: str) -> Iterator[Any]:
    """What the variable of a signal names; what cannot be made is logged and left out."""
    variable = f"OTEL_{signal}_EXPORTER"
    for name in os.environ.get(variable, "").split(","):
        wanted = name.strip()
        if not wanted or wanted.lower() == "none":
            continue
        if wanted == "otlp":
            own, common = (os.environ.get(f"OTEL_EXPORTER_OTLP_{s}PROTOCOL") for s in (f"{signal}_", ""))
            wanted = "otlp_proto_http" if (own or common or "grpc").strip().startswith("http") else "otlp_proto_grpc"
        found = list(entry_points(group=f"opentelemetry_{signal.lower()}_exporter", name=wanted))
        try:
            yield found[0].load()()
        except Exception as error:  # noqa: BLE001  whatever an exporter stumbles over, the app goes on
            why = repr(error) if found else "is not installed"
            log.warning("%s=%r: exporter %s %s; use otlp, console or none", variable, name.strip(), wanted, why)


def span_exporters() -> list[SpanExporter]:
    """The exporters of `OTEL_TRACES_EXPORTER`."""
    return list(_made("TRACES"))


def metric_readers() -> list[MetricReader]:
    """A reader for each exporter of `OTEL_METRICS_EXPORTER`; some exporters, such as Prometheus', are readers."""
    made = _made("METRICS")
    return [one if isinstance(one, MetricReader) else PeriodicExportingMetricReader(one) for one in made]
