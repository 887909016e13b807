"""Calls as a collector sends them: gzipped OTLP with spans of our instrumentation, or of OpenLLMetry's.

One call of each kind is really made, and its span taken as it was exported. All others are that span with the ids, the
times and the names of a call of the week.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterable, Mapping
from typing import Any

import openai
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext, TraceFlags
from tests.support.telemetry import telemetry

from bench import subjects
from bench.contenders import COMMON
from spanledger.ledger import Entry
from spanledger.money import NANO
from spanledger.scope import Scope
from spanledger.semconv import names
from spanledger_instrumentation.openai import OpenAIAdapter

#: A span by the kind of its call: chat, stream, embeddings.
Exported = Mapping[str, ReadableSpan]
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)


def ours() -> Exported:
    """Spans of our instrumentation, through all of its pipeline."""
    made = telemetry()
    adapter = OpenAIAdapter(made.calls)
    adapter.install()
    _call()
    adapter.uninstall()
    found = dict(zip(subjects.KINDS, made.spans, strict=True))
    made.runtime.shutdown()
    return found


def openllmetry() -> Exported:
    """Spans of OpenLLMetry's in an app without a spanledger. It knows no usage of streams."""
    provider, exporter = TracerProvider(shutdown_on_exit=False), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrumentor = OpenAIInstrumentor()
    instrumentor.instrument(tracer_provider=provider)
    _call()
    instrumentor.uninstrument()
    found = dict(zip(subjects.KINDS, exporter.get_finished_spans(), strict=True))
    return {**found, "stream": found["chat"]}


def _call() -> None:
    for name, value in COMMON.items():
        os.environ.setdefault(name, value)
    for call in subjects.calls(openai).values():
        call()


def body(exported: Exported, entries: Iterable[Entry], first: int) -> bytes:
    """A request that tells of these calls. Their spans are numbered from `first` on, which is more than 0."""
    spans = [_span(exported, entry, number) for number, entry in enumerate(entries, first)]
    return gzip.compress(encode_spans(spans).SerializeToString(), 6)


def _span(exported: Exported, entry: Entry, number: int) -> ReadableSpan:
    like = exported["embeddings" if entry.operation == "embeddings" else "stream" if entry.stream else "chat"]
    trace = 1 + number // 4
    resource = {"service.name": entry.service or "", "deployment.environment.name": entry.environment or ""}
    said = dict(like.attributes or {})
    said |= _said(entry, ours=names.SPANLEDGER_CALL_ID in said)
    return ReadableSpan(
        name=like.name,
        context=SpanContext(trace, number, is_remote=False, trace_flags=_SAMPLED),
        parent=SpanContext(trace, 2**63 + trace, is_remote=False),
        resource=Resource(resource),
        attributes=said,
        events=like.events,
        kind=like.kind,
        status=like.status,
        instrumentation_scope=like.instrumentation_scope,
        start_time=entry.started,
        end_time=entry.ended,
    )


def _said(entry: Entry, *, ours: bool) -> dict[str, Any]:
    """What a span of the call says and others do not; `ours` says besides who pays, and what."""
    found: dict[str, Any] = {
        names.GEN_AI_OPERATION_NAME: entry.operation,
        names.GEN_AI_PROVIDER_NAME: entry.provider,
        names.GEN_AI_REQUEST_MODEL: entry.request_model,
        names.GEN_AI_RESPONSE_MODEL: entry.response_model or entry.request_model,
        names.GEN_AI_RESPONSE_ID: f"chatcmpl-{entry.id}",
    }
    if entry.error_type is not None:
        found[names.ERROR_TYPE] = entry.error_type
    if entry.usage is not None:
        found |= entry.usage.attributes()
    if ours:
        payer = Scope(run=entry.run, stage=entry.stage, tenant=entry.tenant, user=entry.user)
        found |= payer.attributes()
        found[names.SPANLEDGER_CALL_ID] = f"{entry.started:016x}{entry.id[-16:]}"
        found[names.GEN_AI_USAGE_COST_AMOUNT] = (entry.cost or 0) / NANO
    return found
