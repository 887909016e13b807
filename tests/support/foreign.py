"""Libraries that make spans of their own, and calls of ours around, below and beside those."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind
from tests.support.telemetry import Telemetry

from spanledger.call import Call
from spanledger.messages import Answer, Request
from spanledger.semconv import names
from spanledger.usage import Usage

REQUEST = Request("chat", "openai", "gpt-4o-mini")
ANSWER = Answer(Usage(input=100, output=20), attributes={names.GEN_AI_RESPONSE_ID: "chatcmpl-1"})
COST = 27e-6
CHAT: dict[str, Any] = {
    names.GEN_AI_OPERATION_NAME: "chat",
    names.GEN_AI_PROVIDER_NAME: "openai",
    names.GEN_AI_REQUEST_MODEL: "gpt-4o-mini",
    names.GEN_AI_USAGE_INPUT_TOKENS: 100,
    names.GEN_AI_USAGE_OUTPUT_TOKENS: 20,
}
AGENT = {**CHAT, names.GEN_AI_OPERATION_NAME: "invoke_agent"}
TWICE = {**AGENT, names.GEN_AI_USAGE_INPUT_TOKENS: 200, names.GEN_AI_USAGE_OUTPUT_TOKENS: 40}


class Library:
    """A library that makes spans of its own."""

    def __init__(self, telemetry: Telemetry, name: str = "library") -> None:
        self._telemetry = telemetry
        self._tracer = telemetry.provider.get_tracer(name)

    def span(
        self, name: str = "foreign", under: Span | Context | None = None, more: dict[str, Any] | None = None
    ) -> Span:
        """Starts a span with these attributes, below the current span or the given one."""
        where = trace.set_span_in_context(under, Context()) if isinstance(under, Span) else under
        return self._tracer.start_span(name, where, SpanKind.CLIENT, {**CHAT, **(more or {})})

    def said(self, name: str = "foreign") -> dict[str, Any]:
        """The attributes of its span as exported."""
        (found,) = (span for span in self._telemetry.spans if span.name == name)
        return dict(found.attributes or {})

    def covered(self, name: str = "foreign") -> str | None:
        """By what its span is covered, if it is; usage then stands aside and nowhere else."""
        said = self.said(name)
        by: str | None = said.get(names.SPANLEDGER_COVERED_BY)
        if by is not None:
            assert names.GEN_AI_USAGE_INPUT_TOKENS not in said
            assert f"{names.SPANLEDGER_COVERED}.{names.GEN_AI_USAGE_INPUT_TOKENS}" in said
        return by


def inside(telemetry: Telemetry, span: Span, answer: Answer = ANSWER) -> Call:
    """A call of ours below a span."""
    held = context.attach(trace.set_span_in_context(span))
    try:
        call = telemetry.calls.start(REQUEST)
    finally:
        context.detach(held)
    call.succeed(answer)
    return call


def opened(telemetry: Telemetry, span: Span) -> Call:
    """A call of ours below a span, still under way."""
    held = context.attach(trace.set_span_in_context(span))
    try:
        return telemetry.calls.start(REQUEST)
    finally:
        context.detach(held)


def counted(telemetry: Telemetry) -> tuple[Any, Any]:
    """How many calls are counted, at what cost."""
    calls = sum(value for _, value in telemetry.points("spanledger.calls"))
    return calls, sum(value for _, value in telemetry.points("spanledger.cost"))


def once(telemetry: Telemetry) -> bool:
    found: bool = counted(telemetry) == (1, pytest.approx(COST))
    return found
