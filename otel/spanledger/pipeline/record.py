"""Fourth stage: keeps the books of telemetry. What a call used goes to the spans around it and to the meters."""

from __future__ import annotations

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.trace import SpanContext, SpanKind, StatusCode

from spanledger.call import SCOPE_NAME
from spanledger.errors import contained, failed
from spanledger.lineage import Booked, Facts, Lineage, Node
from spanledger.money import NANO
from spanledger.pipeline.covered import library
from spanledger.pipeline.meters import AgentRun, Meters
from spanledger.pipeline.stage import Stage, copied, plain
from spanledger.semconv import names

#: What a span says that is no call.
_NOTHING = Facts("", "")


def agent_of(span: ReadableSpan) -> str | None:
    """The agent whose execution a span is: an agent's own span, or that of a stage."""
    attributes = span.attributes or {}
    if attributes.get(names.GEN_AI_OPERATION_NAME) == "invoke_agent":
        name = attributes.get(names.GEN_AI_AGENT_NAME)
    elif library(span) == SCOPE_NAME:
        name = attributes.get(names.SPANLEDGER_STAGE)
        name = name if name == span.name else None
    else:
        return None
    return name if isinstance(name, str) else None


class Record(Stage):
    """Settles a metered span into its ancestors, writes `spanledger.cost.subtree`, and feeds the meters."""

    def __init__(self, following: SpanProcessor, lineage: Lineage, meters: Meters) -> None:
        super().__init__(following)
        self._lineage = lineage
        self._meters = meters

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Count the agents that are running here; those that are called elsewhere are CLIENT spans."""
        if span.kind is SpanKind.INTERNAL:
            with contained("pipeline"):
                node = self._lineage.open(span.get_span_context().span_id)
                if node is not None and (agent := agent_of(span)):
                    node.agent = agent
                    self._meters.agent_started(agent)
        self.pass_start(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        """Book the span, then pass it on, with the cost below it if there was any."""
        booked, context = span, span.context
        try:
            if context is not None and (node := self._lineage.closed(context.span_id)):
                booked = self._book(span, context, node)
        except Exception as error:  # noqa: BLE001  contained, without the cost of a context for every span
            failed("pipeline", error)
        self.pass_end(booked)

    def _book(self, span: ReadableSpan, context: SpanContext, node: Node) -> ReadableSpan:
        if node.facts is not None:
            self._count(span, context, node, node.facts)
        if node.claimed:
            return span
        if node.agent is not None:
            self._meters.agent_stopped(node.agent)
        if agent := agent_of(span):
            self._meters.agent_ended(self._agent_run(agent, span, node))
        if node.cost:
            return copied(span, {**plain(span.attributes), names.SPANLEDGER_COST_SUBTREE: node.cost / NANO})
        return span

    def _count(self, span: ReadableSpan, context: SpanContext, node: Node, facts: Facts) -> None:
        self._lineage.settle(node, facts)
        self._meters.call(facts, context)
        if facts.usage is not None:
            teller = SCOPE_NAME if node.claimed else library(span)
            booked = Booked(teller, context.trace_id, facts.usage, span.start_time or 0, span.end_time or 0)
            self._lineage.recent.add(facts.response_id or context.span_id, booked)

    @staticmethod
    def _agent_run(agent: str, span: ReadableSpan, node: Node) -> AgentRun:
        error = str((span.attributes or {}).get(names.ERROR_TYPE, ""))
        status = names.STATUS_COMPLETED
        if span.status.status_code is StatusCode.ERROR:
            status = names.STATUS_TIMEOUT if "timeout" in error.lower() else names.STATUS_FAILED
        duration = ((span.end_time or 0) - (span.start_time or 0)) / NANO
        facts = node.facts if node.facts is not None else _NOTHING
        used = facts.usage or node
        cost, unpriced = node.cost + (facts.cost or 0), node.unpriced + facts.unpriced
        return AgentRun(agent, status, duration, used.input, used.output, cost, unpriced, error)
