"""Received OTLP metrics as a page in the Prometheus text format, named as Prometheus would name them."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
)

from demo.spans import attributes

_UNITS = {"s": "seconds", "ms": "milliseconds", "By": "bytes", "1": "", "%": "percent"}
_TYPES = {"sum": "counter", "gauge": "gauge", "histogram": "histogram", "exponential_histogram": "histogram"}

Labels = tuple[tuple[str, str], ...]


@dataclass
class _Family:
    kind: str
    help: str
    samples: dict[tuple[str, Labels], float] = field(default_factory=dict)


@dataclass
class Page:
    """The newest value of every series; may be written and read from any thread."""

    _families: dict[str, _Family] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, body: bytes) -> None:
        """Take in one OTLP/HTTP request with cumulative metrics.

        Raises:
            google.protobuf.message.DecodeError: The body is not what it should be.
        """
        request = ExportMetricsServiceRequest()
        request.ParseFromString(body)
        with self._lock:
            for resource in request.resource_metrics:
                for scope in resource.scope_metrics:
                    for metric in scope.metrics:
                        self._add(metric)

    def text(self) -> str:
        """The page."""
        with self._lock:
            return "".join(_lines(name, family) for name, family in sorted(self._families.items()))

    def sum(self, name: str) -> float | None:
        """The sum of all series of that name; None while there is none."""
        with self._lock:
            family = self._families.get(name)
            found = [value for (sample, _), value in family.samples.items() if sample == name] if family else []
        return sum(found) if found else None

    def _add(self, metric: Metric) -> None:
        kind = metric.WhichOneof("data")
        if kind not in _TYPES:
            return
        monotonic = kind == "sum" and metric.sum.is_monotonic
        name = _name(metric, "_total" if monotonic else "")
        shown = "gauge" if kind == "sum" and not monotonic else _TYPES[kind]
        family = self._families.setdefault(name, _Family(shown, metric.description))
        for sample, labels, value in _samples(name, metric, kind):
            family.samples[sample, labels] = value


def _name(metric: Metric, suffix: str) -> str:
    unit = "" if metric.unit.startswith("{") else _UNITS.get(metric.unit, metric.unit)
    name = re.sub(r"\W", "_", metric.name)
    if unit and not name.endswith(f"_{unit}"):
        name += f"_{unit}"
    return name.removesuffix(suffix) + suffix


def _samples(name: str, metric: Metric, kind: str) -> Iterator[tuple[str, Labels, float]]:
    if kind in ("sum", "gauge"):
        points: Iterable[NumberDataPoint] = (metric.sum if kind == "sum" else metric.gauge).data_points
        for point in points:
            value = point.as_int if point.WhichOneof("value") == "as_int" else point.as_double
            yield name, _labels(point), value
        return
    histogram = metric.histogram if kind == "histogram" else metric.exponential_histogram
    for point in histogram.data_points:
        labels = _labels(point)
        for bound, count in _buckets(point):
            yield f"{name}_bucket", (*labels, ("le", bound)), count
        yield f"{name}_sum", labels, point.sum
        yield f"{name}_count", labels, point.count


def _buckets(point: HistogramDataPoint | ExponentialHistogramDataPoint) -> Iterator[tuple[str, int]]:
    """Upper bounds and how many values lie below each."""
    if isinstance(point, HistogramDataPoint):
        below, counts, bounds = 0, list(point.bucket_counts), list(point.explicit_bounds)
    else:
        base, offset = 2 ** (2**-point.scale), point.positive.offset
        below, counts = point.zero_count, list(point.positive.bucket_counts)
        bounds = [base ** (offset + at + 1) for at in range(len(counts))]
    for count, bound in zip(counts, bounds, strict=False):
        below += count
        yield f"{bound:.15g}", below
    yield "+Inf", point.count


def _labels(point: NumberDataPoint | HistogramDataPoint | ExponentialHistogramDataPoint) -> Labels:
    found = attributes(point.attributes)
    return tuple(sorted((re.sub(r"\W", "_", name), str(value)) for name, value in found.items()))


def _lines(name: str, family: _Family) -> str:
    lines = [f"# HELP {name} {family.help}", f"# TYPE {name} {family.kind}"]
    for (sample, labels), value in family.samples.items():
        shown = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels)
        lines.append(f"{sample}{{{shown}}} {value:.15g}" if shown else f"{sample} {value:.15g}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
