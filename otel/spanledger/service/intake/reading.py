"""From spans as OTLP has them to spans as the SDK has them, as far as the ledger asks for what they say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope as OtlpScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.proto.trace.v1.trace_pb2 import Status as OtlpStatus
from opentelemetry.sdk.resources import Resource as SdkResource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from spanledger.ledger import Maker
from spanledger.pipeline.covered import is_usage
from spanledger.semconv import aliases, names
from spanledger.service.intake.wire import Sent

#: Characters of a text that are read, and items of a list; attributes of a span. Prompts and answers are not read.
TEXT, ATTRIBUTES = 2048, 1000
_NAMES = frozenset(value for value in vars(names).values() if isinstance(value, str))
#: What every span of ours says and no row has: reading costs the more, the more is read.
_UNASKED = frozenset({
    names.GEN_AI_INPUT_MESSAGES, names.GEN_AI_OUTPUT_MESSAGES, names.GEN_AI_REQUEST_MAX_TOKENS,
    names.GEN_AI_REQUEST_TEMPERATURE, names.GEN_AI_REQUEST_ENCODING_FORMATS, names.GEN_AI_EMBEDDINGS_DIMENSION_COUNT,
    names.OPENAI_API_TYPE, names.OPENAI_RESPONSE_SYSTEM_FINGERPRINT, names.SERVER_ADDRESS, names.SERVER_PORT,
    names.SPANLEDGER_OUTPUT_RATE, names.SPANLEDGER_RATELIMIT_LIMIT_REQUESTS, names.SPANLEDGER_RATELIMIT_LIMIT_TOKENS,
})  # fmt: skip
#: What the ledger asks for, whatever the span calls it; of names that are neither here nor there, `is_usage` decides.
#: Each leads to itself: the one text is found again and again more quickly than an equal one of each span's own.
_READ = {name: name for name in _NAMES - _UNASKED | aliases.ALL.keys() | aliases.STRUCTURED}
_MAKERS = (names.SERVICE_NAME, "deployment.environment.name", "deployment.environment")
#: The kinds of spans, in the order of their numbers in OTLP.
_KINDS = (SpanKind.INTERNAL, SpanKind.INTERNAL, SpanKind.SERVER, SpanKind.CLIENT, SpanKind.PRODUCER, SpanKind.CONSUMER)
_NOBODY = SdkResource.get_empty()
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_ENDED = Status(StatusCode.UNSET)
_FAILED = Status(StatusCode.ERROR)
_EVENTS = frozenset(
    {names.EVENT_SPANLEDGER_ATTEMPT_FAILED, names.EVENT_SPANLEDGER_ATTEMPT_LOST, names.EVENT_SPANLEDGER_CACHE_ASKED}
)


class Told(NamedTuple):
    """A span that has ended, what made it, and what it says, by itself and by its events. `parent` is a span id."""

    span: ReadableSpan
    attributes: dict[str, Any]
    events: list[Event]
    maker: Maker
    trace: int
    id: int
    parent: int | None


def told(all_sent: Iterable[Sent]) -> Iterator[Told | None]:
    """The spans; None for one that is damaged or has no id."""
    resource: Resource | None = None
    scope: OtlpScope | None = None
    maker, library = Maker(), InstrumentationScope("")
    for sent in all_sent:
        if sent.resource is not resource:
            resource, maker = sent.resource, _maker(sent.resource)
        if sent.scope is not scope:
            scope, library = sent.scope, InstrumentationScope(sent.scope.name)
        yield None if sent.span is None else _told(sent.span, library, maker)


def _id(said: bytes, length: int) -> int:
    """An id as a number; 0 where it is none."""
    return int.from_bytes(said, "big") if len(said) == length else 0


def _told(span: Span, library: InstrumentationScope, maker: Maker) -> Told | None:
    trace, own = _id(span.trace_id, 16), _id(span.span_id, 8)
    if not (trace and own):
        return None
    attributes = plain(span.attributes)
    events = [
        Event(event.name, plain(event.attributes), event.time_unix_nano)
        for event in span.events
        if event.name in _EVENTS
    ]
    readable = ReadableSpan(
        name=span.name,
        resource=_NOBODY,
        context=SpanContext(trace, own, is_remote=True, trace_flags=_SAMPLED),
        attributes=attributes,
        kind=_KINDS[span.kind] if 0 <= span.kind < len(_KINDS) else SpanKind.INTERNAL,
        instrumentation_scope=library,
        status=_FAILED if span.status.code == OtlpStatus.STATUS_CODE_ERROR else _ENDED,
        start_time=span.start_time_unix_nano,
        end_time=span.end_time_unix_nano,
    )
    parent = int.from_bytes(span.parent_span_id[:8], "big") or None
    return Told(readable, attributes, events, maker, trace, own, parent)


def _maker(resource: Resource) -> Maker:
    found = {one.key: str(_value(one.value) or "") for one in resource.attributes if one.key in _MAKERS}
    name, *environments = (found.get(key, "") for key in _MAKERS)
    return Maker(name, next(filter(None, environments), ""))


def plain(said: Sequence[KeyValue]) -> dict[str, Any]:
    """What the ledger asks for among attributes: texts as far as they are read, numbers, and lists of those."""
    found = {}
    for one in said if len(said) <= ATTRIBUTES else said[:ATTRIBUTES]:
        name = one.key
        key = _READ.get(name) or (name if name not in _UNASKED and is_usage(name) else None)
        if key is not None and (value := _value(one.value)) is not None:
            found[key] = value
    return found


def _value(said: AnyValue) -> Any:
    """Texts and numbers, which most values are, without the question what it is: that takes longer than the rest."""
    return said.string_value[:TEXT] or said.int_value or _empty_or_other(said)


def _empty_or_other(said: AnyValue) -> Any:
    kind = said.WhichOneof("value")
    if kind in ("string_value", "int_value", "bool_value", "double_value"):
        return getattr(said, kind)
    if kind == "array_value":
        return tuple(value for one in said.array_value.values[:TEXT] if (value := _scalar(one)) is not None)
    return None


def _scalar(said: AnyValue) -> Any:
    return None if said.WhichOneof("value") == "array_value" else _value(said)
