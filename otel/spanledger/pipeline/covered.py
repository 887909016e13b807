"""One call, one span with tokens: which spans of other libraries repeat a call that is counted elsewhere.

Decided when such a span ends, and never afterwards, in this order:

    inside      below a call of ours that is open, or below any span that was counted
    around      above a counted call, or above a call of ours that is open
    beside      another instrumentation told of the same call under the same response id; or, for a span without one,
                under the same tokens within its time in the same trace. A sum is beside the calls that make it up

Any other span that claims usage counts: a call as it is, a sum flagged estimated. What is covered keeps its place in
the trace and leaves cost, ledger and metrics; its usage moves aside, so that no backend adds it up a second time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind

from spanledger.lineage import Booked, Lineage, Node
from spanledger.semconv import aliases, names
from spanledger.usage import Usage, from_attributes

#: Operations whose tokens are those of one call; on any other span they are a sum.
INFERENCE = frozenset({"chat", "text_completion", "generate_content", "embeddings"})

#: Spans that can be those of calls.
KINDS = (SpanKind.CLIENT, SpanKind.INTERNAL)
#: How usage and cost are spelled, in every dialect; `aliases` names those that begin otherwise.
_PREFIXES = ("gen_ai.usage.", "llm.usage.", "llm.token_count.", "llm.cost.", "ai.usage.", "anthropic.usage.")
_OTHERWISE = frozenset(key for key, own in aliases.ALL.items() if own.startswith("gen_ai.usage."))


@dataclass(frozen=True, slots=True)
class Claim:
    """A span of another library that claims usage. `found` holds its attributes under our names."""

    span: ReadableSpan
    attributes: Mapping[str, Any]
    found: Mapping[str, Any]
    usage: Usage
    node: Node | None

    @property
    def is_sum(self) -> bool:
        """Whether the usage is that of an agent or workflow, or of who knows what, and not of one call."""
        return self.found.get(names.GEN_AI_OPERATION_NAME) not in INFERENCE

    @property
    def library(self) -> str:
        """The instrumentation that made the span."""
        return library(self.span)


def library(span: ReadableSpan) -> str:
    """The instrumentation that made a span."""
    return span.instrumentation_scope.name if span.instrumentation_scope is not None else ""


def is_usage(key: str) -> bool:
    """Whether an attribute tells usage or its cost, in any dialect."""
    return key in _OTHERWISE or key.startswith(_PREFIXES)


def claim(span: ReadableSpan, attributes: Mapping[str, Any], lineage: Lineage) -> Claim | None:
    """What a span claims, None if it claims no usage."""
    if span.context is None or not any(map(is_usage, attributes)):
        return None
    found = aliases.canonical(attributes, library(span))
    usage = from_attributes(found)
    return None if usage is None else Claim(span, attributes, found, usage, lineage.open(span.context.span_id))


def covered_by(claimed: Claim, lineage: Lineage) -> str | None:
    """How a claim is covered by a call that is counted elsewhere, as `spanledger.covered.by` says it; None if not."""
    node = claimed.node
    if node is not None and lineage.inside(node):
        return names.SPANLEDGER_COVERED_BY_INSIDE
    if node is not None and lineage.around(node):
        return names.SPANLEDGER_COVERED_BY_AROUND
    return names.SPANLEDGER_COVERED_BY_BESIDE if _beside(claimed, lineage) else None


def _beside(claimed: Claim, lineage: Lineage) -> bool:
    """Whether other instrumentations told of the same. Of its own, a span knows parents and children by the trace."""
    span, usage = claimed.span, claimed.usage
    trace = span.context.trace_id if span.context else 0
    response_id = claimed.found.get(names.GEN_AI_RESPONSE_ID)
    if isinstance(response_id, str) and not claimed.is_sum:
        told = lineage.recent.answered(response_id)
        return told is not None and told.library != claimed.library and (told.trace == trace or _same(told, usage))
    start, end = span.start_time or 0, span.end_time or 0
    others = lineage.recent.during(trace, start, end, apart_from=claimed.library)
    if not claimed.is_sum:
        return any(_same(call, usage) for call in others)
    enough = sum(c.usage.input for c in others) >= usage.input and sum(c.usage.output for c in others) >= usage.output
    return bool(others) and enough


def _same(call: Booked, usage: Usage) -> bool:
    return (call.usage.input, call.usage.output) == (usage.input, usage.output)


def set_aside(attributes: Mapping[str, Any], by: str, *, keep: bool) -> dict[str, Any]:
    """The attributes of a covered span: usage and cost under `spanledger.covered.`, or left where they are."""
    found = {
        f"{names.SPANLEDGER_COVERED}.{key}" if not keep and is_usage(key) else key: value
        for key, value in attributes.items()
    }
    found[names.SPANLEDGER_COVERED_BY] = by
    return found
