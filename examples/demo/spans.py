"""Spans as they arrive by OTLP, and what a model call among them says about itself.

Only names of the contract are read: the GenAI conventions and `spanledger.*`. Span names are shown,
never parsed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status

STAGE = "spanledger.stage"
TENANT = "spanledger.tenant.id"
USER = "user.id"
SUBTREE = "spanledger.cost.subtree"
ESTIMATED = "spanledger.usage.estimated"
OPERATION = "gen_ai.operation.name"
MODEL = "gen_ai.request.model"
COST = "gen_ai.usage.cost.amount"
ERROR_TYPE = "error.type"
_TOKENS = {
    "input": "gen_ai.usage.input_tokens",
    "cached": "gen_ai.usage.cache_read.input_tokens",
    "output": "gen_ai.usage.output_tokens",
    "reasoning": "gen_ai.usage.reasoning.output_tokens",
}

Value = str | bool | int | float | None


@dataclass(frozen=True)
class Tokens:
    """Tokens of one call or of many: `cached` is a part of `input`, `reasoning` a part of `output`."""

    input: int = 0
    cached: int = 0
    output: int = 0
    reasoning: int = 0

    def __add__(self, other: Tokens) -> Tokens:
        """Both together."""
        return Tokens(
            self.input + other.input,
            self.cached + other.cached,
            self.output + other.output,
            self.reasoning + other.reasoning,
        )


@dataclass(frozen=True)
class Span:
    """One span."""

    trace_id: str
    span_id: str
    parent_id: str
    """Empty for the root of a trace."""
    name: str
    start: int
    """Nanoseconds since the epoch."""
    end: int
    attributes: Mapping[str, Value] = field(default_factory=dict)
    events: tuple[str, ...] = ()
    """Names of its events."""
    failed: bool = False

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.end - self.start) / 1e9

    def text(self, name: str) -> str:
        """An attribute as text; empty where there is none."""
        value = self.attributes.get(name)
        return "" if value is None else str(value)

    def money(self, name: str) -> Decimal | None:
        """An attribute as USD; None where there is none."""
        value = self.attributes.get(name)
        return Decimal(repr(value)) if isinstance(value, int | float) else None

    @property
    def tokens(self) -> Tokens | None:
        """What the call used; None for a span that is no metered call."""
        if _TOKENS["input"] not in self.attributes:
            return None
        return Tokens(**{part: self._count(name) for part, name in _TOKENS.items()})

    @property
    def refused(self) -> bool:
        """Whether a budget refused the call before it was sent."""
        return self.text(ERROR_TYPE) == "spanledger.BudgetExceeded"

    def _count(self, name: str) -> int:
        value = self.attributes.get(name)
        return value if isinstance(value, int) else 0


def decode(body: bytes) -> list[Span]:
    """The spans of one OTLP/HTTP request.

    Raises:
        google.protobuf.message.DecodeError: The body is not what it should be.
    """
    request = ExportTraceServiceRequest()
    request.ParseFromString(body)
    return [
        _span(span) for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans
    ]


def attributes(pairs: Iterable[KeyValue]) -> dict[str, Value]:
    """Attributes with plain values; lists and maps are left out."""
    return {pair.key: _value(pair.value) for pair in pairs}


def _span(span: WireSpan) -> Span:
    return Span(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        name=span.name,
        start=span.start_time_unix_nano,
        end=span.end_time_unix_nano,
        attributes=attributes(span.attributes),
        events=tuple(event.name for event in span.events),
        failed=span.status.code == Status.STATUS_CODE_ERROR,
    )


def _value(value: AnyValue) -> Value:
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return value.string_value
    if kind == "bool_value":
        return value.bool_value
    if kind == "int_value":
        return value.int_value
    return value.double_value if kind == "double_value" else None
