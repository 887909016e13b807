"""What some of OpenLLMetry's instrumentors put on spans although no content is asked for: it is taken off again.

CrewAI's instrumentor writes goals, prompts and answers, those of vector stores queries and documents, whatever
`TRACELOOP_TRACE_CONTENT` says (traceloop-sdk 0.62).
"""

from __future__ import annotations

from opentelemetry.sdk.trace import ReadableSpan

from spanledger.pipeline.stage import copied, plain
from spanledger.semconv import names, openllmetry

_ATTRIBUTES = (
    "crewai.",
    "traceloop.entity.input",
    "traceloop.entity.output",
    names.GEN_AI_INPUT_MESSAGES,
    names.GEN_AI_OUTPUT_MESSAGES,
    "gen_ai.system_instructions",
    "db.marqo.search.query",
    "db.chroma.get.where_document",
    "db.chroma.query.where_document",
)
_EVENTS = ("db.query.", "db.search.")
_HOMES = tuple(openllmetry.MODULES)


def without_content(span: ReadableSpan, library: str) -> ReadableSpan:
    """The span without content, if one of those instrumentors made it; the very same object if it has none."""
    if not library.startswith(_HOMES):
        return span
    attributes = plain(span.attributes)
    kept = {key: value for key, value in attributes.items() if not key.startswith(_ATTRIBUTES)}
    events = [event for event in span.events if not event.name.startswith(_EVENTS)]
    if len(kept) == len(attributes) and len(events) == len(span.events):
        return span
    return copied(span, kept, events=events)
