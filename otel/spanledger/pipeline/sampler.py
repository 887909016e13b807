"""Account for all, export a sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind
from opentelemetry.trace.span import TraceState
from typing_extensions import override


class RecordAll(Sampler):
    """The user's sampler decides what is exported; what it drops is still recorded, so that it is accounted for."""

    def __init__(self, chosen: Sampler) -> None:
        self.chosen = chosen

    @override
    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Any = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """The chosen sampler's decision, with DROP weakened to RECORD_ONLY."""
        result = self.chosen.should_sample(parent_context, trace_id, name, kind, attributes, links)
        if result.decision is not Decision.DROP:
            return result
        return SamplingResult(Decision.RECORD_ONLY, attributes, result.trace_state)

    def get_description(self) -> str:
        """Names the sampler and the one it wraps."""
        return f"RecordAll({self.chosen.get_description()})"
