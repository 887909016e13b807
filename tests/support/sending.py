"""Spans as a collector sends them: made by hand or by a runtime, packed as OTLP has it."""

from __future__ import annotations

import gzip
import json
import random
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager
from typing import Any

from google.protobuf import json_format
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import ReadableSpan
from sqlalchemy import Engine
from tests.support.telemetry import BOOK

from spanledger.ledger import Entry, database
from spanledger.service.intake import wire
from spanledger.service.intake.earlier import Earlier
from spanledger.service.intake.translating import Translation, Translator

NANO = 10**9
PROTOBUF = {"Content-Type": "application/x-protobuf"}
JSON = {"Content-Type": "application/json"}
GZIP = {**PROTOBUF, "Content-Encoding": "gzip"}
#: What that costs, in nano-USD.
COST = 27_000


def value(of: Any) -> AnyValue:
    if isinstance(of, (list, tuple)):
        made = AnyValue()
        made.array_value.values.extend(map(value, of))
        return made
    kind = {bool: "bool_value", int: "int_value", float: "double_value", str: "string_value"}[type(of)]
    return AnyValue(**{kind: of})


def attributes(of: Mapping[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=value(one)) for key, one in of.items()]


def span(
    said: Mapping[str, Any],
    *,
    trace: int = 0,
    id_: int = 0,
    parent: int | None = None,
    start: float = -60.0,
    took: float = 1.0,
) -> Span:
    """A span of somebody's client; `start` is seconds from now, ids of 0 are random."""
    began = time.time_ns() + int(start * NANO)
    return Span(
        trace_id=(trace or random.getrandbits(128) | 1).to_bytes(16, "big"),
        span_id=(id_ or random.getrandbits(64) | 1).to_bytes(8, "big"),
        parent_span_id=parent.to_bytes(8, "big") if parent else b"",
        name="call",
        kind=Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=began,
        end_time_unix_nano=began + int(took * NANO),
        attributes=attributes(said),
    )


def request(
    *spans: Span, library: str = "library", resource: Mapping[str, Any] | None = None
) -> ExportTraceServiceRequest:
    made = ExportTraceServiceRequest()
    group = made.resource_spans.add()
    group.resource.attributes.extend(attributes(resource or {"service.name": "web"}))
    scoped = group.scope_spans.add()
    scoped.scope.name = library
    scoped.spans.extend(spans)
    return made


def body(*spans: Span, **said: Any) -> bytes:
    return bytes(request(*spans, **said).SerializeToString())


def exported(spans: Iterable[ReadableSpan]) -> bytes:
    """What the SDK's exporter sends."""
    return bytes(encode_spans(list(spans)).SerializeToString())


def as_json(of: ExportTraceServiceRequest) -> bytes:
    """As OTLP/JSON has it: ids are hexadecimal."""
    said = json_format.MessageToDict(of)
    for made, group in zip(of.resource_spans, said["resourceSpans"], strict=True):
        for spans, scoped in zip(made.scope_spans, group["scopeSpans"], strict=True):
            for one, told in zip(spans.spans, scoped["spans"], strict=True):
                told["traceId"], told["spanId"] = one.trace_id.hex(), one.span_id.hex()
                if one.parent_span_id:
                    told["parentSpanId"] = one.parent_span_id.hex()
    return json.dumps(said).encode()


def packed(data: bytes) -> bytes:
    return gzip.compress(data, 1)


class Taking:
    """The way in without HTTP: bodies are translated, and written to a ledger. `again`: the service begins anew."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.time) -> None:
        self.engine = engine
        self._clock = clock
        self.again()

    def again(self) -> None:
        @contextmanager
        def reading() -> Any:
            with self.engine.connect().execution_options(reads=True) as connection:
                yield connection

        self._translate = Translator(BOOK, Earlier(reading), self._clock)

    def __call__(self, data: bytes, tenant: str | None = None) -> Translation:
        found = self._translate(wire.of_protobuf(data), tenant)
        if found.lines:
            database.Sink(self.engine)(found.lines)
        return found

    def entries(self, *spans: Span, **said: Any) -> list[Entry]:
        return self(body(*spans, **said)).entries
