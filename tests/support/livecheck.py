"""A live check of telemetry against a vocabulary: upstream's constants and our registry.

What it calls a violation: a name in no registry, a wrong type, unit or instrument, a required attribute that is
missing, a value outside a closed enum of ours. Upstream's enums are open.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from opentelemetry.sdk.metrics.export import Gauge, Histogram, Metric, Sum
from opentelemetry.sdk.trace import ReadableSpan

from spanledger.semconv import generate

#: Types of upstream attributes that spans of ours use; the constants do not tell them.
UPSTREAM_TYPES = {
    "string[]": ("gen_ai.response.finish_reasons", "gen_ai.request.stop_sequences", "gen_ai.request.encoding_formats"),
    "int": (
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.output_tokens",
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.reasoning.output_tokens",
        "gen_ai.request.max_tokens",
        "gen_ai.request.choice.count",
        "gen_ai.request.seed",
        "gen_ai.embeddings.dimension.count",
        "server.port",
        "http.response.status_code",
    ),
    "double": (
        "gen_ai.request.temperature",
        "gen_ai.request.top_p",
        "gen_ai.request.frequency_penalty",
        "gen_ai.request.presence_penalty",
        "gen_ai.response.time_to_first_chunk",
    ),
    "boolean": ("gen_ai.request.stream",),
}
#: Upstream's GenAI metrics: instrument, unit, required labels.
UPSTREAM_METRICS = {
    "gen_ai.client.token.usage": ("histogram", "{token}", ["gen_ai.operation.name", "gen_ai.provider.name"]),
    "gen_ai.client.operation.duration": ("histogram", "s", ["gen_ai.operation.name", "gen_ai.provider.name"]),
    "gen_ai.client.operation.time_to_first_chunk": (
        "histogram",
        "s",
        ["gen_ai.operation.name", "gen_ai.provider.name"],
    ),
}
KINDS: dict[str, tuple[type, ...]] = {"string": (str,), "int": (int,), "double": (float,), "boolean": (bool,)}


@dataclass
class Vocabulary:
    """Names with their types; metrics and events with what they require; values of closed enums."""

    attributes: dict[str, str | None] = field(default_factory=dict)
    metrics: dict[str, tuple[str, str, list[str]]] = field(default_factory=dict)
    events: dict[str, list[str]] = field(default_factory=dict)
    enums: dict[str, set[str]] = field(default_factory=dict)
    call: list[str] = field(default_factory=list)


def _constants(package: str) -> Iterator[str]:
    root = importlib.import_module(package)
    for module in pkgutil.iter_modules(root.__path__, package + "."):
        values = vars(importlib.import_module(module.name)).items()
        yield from (value for key, value in values if key.isupper() and isinstance(value, str))


@cache
def vocabulary() -> Vocabulary:
    """Upstream's names and ours."""
    known = Vocabulary(metrics=dict(UPSTREAM_METRICS))
    for package in ("opentelemetry.semconv.attributes", "opentelemetry.semconv._incubating.attributes"):
        known.attributes.update(dict.fromkeys(_constants(package)))
    for kind, listed in UPSTREAM_TYPES.items():
        known.attributes.update(dict.fromkeys(listed, kind))
    groups = generate.groups()
    for attribute in generate.own(groups):
        kind = attribute["type"]
        if isinstance(kind, dict):
            known.enums[attribute["id"]] = {member["value"] for member in kind["members"]}
        known.attributes[attribute["id"]] = "string" if isinstance(kind, dict) else kind
    for group in groups:
        required = [a["ref"] for a in generate._inherited(group, groups) if a.get("requirement_level") == "required"]
        if group["type"] == "metric":
            known.metrics[group["metric_name"]] = (group["instrument"], group["unit"], required)
        elif group["type"] == "event":
            known.events[group["name"]] = required
        elif group["id"] == "span.spanledger.call":
            known.call = required
    return known


def _fits(value: Any, kind: str | None) -> bool:
    if kind is None:
        return True
    if kind.endswith("[]"):
        return isinstance(value, Sequence) and all(_fits(item, kind[:-2]) for item in value)
    return isinstance(value, KINDS[kind]) and (kind != "int" or not isinstance(value, bool))


def attributes(where: str, found: Mapping[str, Any], required: Iterable[str] = ()) -> Iterator[str]:
    """Violations of a set of attributes."""
    known = vocabulary()
    for name in required:
        if name not in found:
            yield f"{where}: {name} is missing"
    for name, value in found.items():
        if name not in known.attributes:
            yield f"{where}: {name} is in no registry"
        elif not _fits(value, known.attributes[name]):
            yield f"{where}: {name} must be {known.attributes[name]}, not {value!r}"
        elif name in known.enums and value not in known.enums[name]:
            yield f"{where}: {name} has no value {value!r}"


def span(found: ReadableSpan) -> Iterator[str]:
    """Violations of a span and its events."""
    known, where = vocabulary(), f"span {found.name!r}"
    ours = "spanledger.call.id" in (found.attributes or {})
    yield from attributes(where, found.attributes or {}, known.call if ours else ())
    for event in found.events:
        if event.name not in known.events:
            yield f"{where}: event {event.name} is in no registry"
        yield from attributes(f"event {event.name}", event.attributes or {}, known.events.get(event.name, ()))
    yield from attributes("resource", found.resource.attributes)


def metric(found: Metric) -> Iterator[str]:
    """Violations of a metric and its points."""
    where, known = f"metric {found.name}", vocabulary().metrics.get(found.name)
    if known is None:
        yield f"{where} is in no registry"
        return
    instrument, unit, required = known
    if found.unit != unit:
        yield f"{where}: unit {found.unit!r} must be {unit!r}"
    if _instrument(found) != instrument:
        yield f"{where}: a {_instrument(found)} must be a {instrument}"
    for point in found.data.data_points:
        yield from attributes(where, point.attributes or {}, required)


def _instrument(found: Metric) -> str:
    match found.data:
        case Sum(is_monotonic=monotonic):
            return "counter" if monotonic else "updowncounter"
        case Gauge():
            return "gauge"
        case Histogram():
            return "histogram"
    return type(found.data).__name__


def check(spans: Iterable[ReadableSpan], metrics: Iterable[Metric]) -> list[str]:
    """All violations, each once."""
    found = [*(v for s in spans for v in span(s)), *(v for m in metrics for v in metric(m))]
    return list(dict.fromkeys(found))
