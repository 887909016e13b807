"""One call, one span with tokens: what becomes of spans that repeat a call, in every order in which they may come."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import Span, SpanKind
from tests.support.telemetry import Telemetry, whole
from tests.support.telemetry import telemetry as new_telemetry

from spanledger.call import Call
from spanledger.config import Settings
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


@pytest.fixture
def library(telemetry: Telemetry) -> Library:
    return Library(telemetry)


@pytest.fixture
def other(telemetry: Telemetry) -> Library:
    return Library(telemetry, "other")


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


def test_a_span_inside_an_open_call_is_covered(telemetry: Telemetry, library: Library) -> None:
    call = telemetry.calls.start(REQUEST)
    library.span(under=call.span).end()
    call.succeed(ANSWER)
    assert library.covered() == "inside"
    assert once(telemetry)


def test_a_span_inside_a_call_that_was_settled_before_it_is_covered(telemetry: Telemetry, library: Library) -> None:
    call = telemetry.calls.start(REQUEST)
    late = library.span(under=call.span)
    call.succeed(ANSWER)
    late.end()
    assert library.covered() == "inside"
    assert once(telemetry)


def test_a_span_deep_inside_a_call_is_covered(telemetry: Telemetry, library: Library) -> None:
    call = telemetry.calls.start(REQUEST)
    between = telemetry.tracer.start_span("POST", trace.set_span_in_context(call.span, Context()))
    library.span(under=between).end()
    between.end()
    call.succeed(ANSWER)
    assert library.covered() == "inside"


def test_a_span_inside_a_call_that_brought_no_usage_counts(telemetry: Telemetry, library: Library) -> None:
    call = telemetry.calls.start(REQUEST)
    late = library.span(under=call.span)
    call.fail(TimeoutError())
    late.end()
    assert library.covered() is None
    assert counted(telemetry)[1] == pytest.approx(COST)


def test_a_span_around_a_metered_call_is_covered(telemetry: Telemetry, library: Library) -> None:
    outer = library.span()
    inside(telemetry, outer)
    outer.end()
    assert library.covered() == "around"
    assert once(telemetry)


def test_a_span_around_a_stream_that_is_still_read_is_covered(telemetry: Telemetry, library: Library) -> None:
    outer = library.span()
    call = opened(telemetry, outer)
    outer.end()
    call.succeed(ANSWER)
    assert library.covered() == "around"
    assert once(telemetry)


def test_a_span_that_ends_long_after_the_stream_below_it_is_covered(telemetry: Telemetry, library: Library) -> None:
    outer = library.span()
    opened(telemetry, outer).succeed(ANSWER)
    for _ in range(3):
        telemetry.calls.start(REQUEST).succeed(ANSWER)
    outer.end()
    assert library.covered() == "around"


def test_a_span_around_several_calls_is_covered(telemetry: Telemetry, library: Library) -> None:
    outer = library.span()
    opened(telemetry, outer).fail(TimeoutError())
    inside(telemetry, outer)
    inside(telemetry, outer)
    outer.end()
    assert library.covered() == "around"
    assert counted(telemetry)[1] == pytest.approx(2 * COST)


def test_a_span_around_calls_that_all_failed_counts(telemetry: Telemetry, library: Library) -> None:
    outer = library.span()
    opened(telemetry, outer).fail(TimeoutError())
    outer.end()
    assert library.covered() is None
    assert counted(telemetry)[1] == pytest.approx(COST)


def test_every_span_on_the_way_up_is_covered(telemetry: Telemetry, library: Library, other: Library) -> None:
    agent = other.span("agent", more=AGENT)
    chat = library.span(under=agent)
    inside(telemetry, chat)
    chat.end()
    agent.end()
    assert (library.covered(), other.covered("agent")) == ("around", "around")
    assert once(telemetry)


def test_a_call_below_no_foreign_span_covers_none_beside_it(telemetry: Telemetry, library: Library) -> None:
    root = telemetry.tracer.start_span("root")
    call = opened(telemetry, root)
    library.span(under=root).end()
    call.succeed(ANSWER)
    root.end()
    assert library.covered() is None
    assert counted(telemetry) == (2, pytest.approx(2 * COST))


def test_of_two_foreign_spans_around_each_other_the_inner_one_counts(
    telemetry: Telemetry, library: Library, other: Library
) -> None:
    outer = library.span("outer")
    other.span("inner", outer).end()
    outer.end()
    assert (library.covered("outer"), other.covered("inner")) == ("around", None)
    assert once(telemetry)


def test_of_two_foreign_spans_around_each_other_the_first_to_end_counts(
    telemetry: Telemetry, library: Library, other: Library
) -> None:
    outer = library.span("outer")
    inner = other.span("inner", outer)
    outer.end()
    inner.end()
    assert (library.covered("outer"), other.covered("inner")) == (None, "inside")
    assert once(telemetry)


ANSWERED = {names.GEN_AI_RESPONSE_ID: "chatcmpl-1"}


def test_a_sibling_with_the_response_id_of_a_metered_call_is_covered(telemetry: Telemetry, library: Library) -> None:
    root = telemetry.tracer.start_span("root")
    inside(telemetry, root)
    library.span(under=root, more=ANSWERED).end()
    root.end()
    assert library.covered() == "beside"
    assert once(telemetry)


def test_a_repeat_in_a_trace_of_its_own_is_covered_by_response_id_and_tokens(
    telemetry: Telemetry, library: Library
) -> None:
    telemetry.calls.start(REQUEST).succeed(ANSWER)
    library.span(under=Context(), more=ANSWERED).end()
    assert library.covered() == "beside"


def test_a_response_id_that_a_server_gives_again_does_not_cover_another_call(
    telemetry: Telemetry, library: Library
) -> None:
    telemetry.calls.start(REQUEST).succeed(ANSWER)
    library.span(under=Context(), more={**ANSWERED, names.GEN_AI_USAGE_INPUT_TOKENS: 7}).end()
    assert library.covered() is None


def test_calls_of_one_library_do_not_cover_each_other(telemetry: Telemetry, library: Library) -> None:
    root = telemetry.tracer.start_span("root")
    library.span("first", root, more=ANSWERED).end()
    library.span("second", root, more=ANSWERED).end()
    root.end()
    assert (library.covered("first"), library.covered("second")) == (None, None)


def test_two_libraries_that_tell_of_one_call_count_it_once(
    telemetry: Telemetry, library: Library, other: Library
) -> None:
    root = telemetry.tracer.start_span("root")
    library.span("first", root, more=ANSWERED).end()
    other.span("second", root, more=ANSWERED).end()
    root.end()
    assert (library.covered("first"), other.covered("second")) == (None, "beside")
    assert once(telemetry)


def test_a_sibling_without_response_id_is_covered_by_the_same_tokens_in_its_time(
    telemetry: Telemetry, library: Library
) -> None:
    root = telemetry.tracer.start_span("root")
    sibling = library.span(under=root)
    inside(telemetry, root)
    sibling.end()
    root.end()
    assert library.covered() == "beside"
    assert once(telemetry)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_sibling_outside_the_time_of_a_call_counts(telemetry: Telemetry, library: Library, when: str) -> None:
    root = telemetry.tracer.start_span("root")
    if when == "after":
        inside(telemetry, root)
    library.span(under=root).end()
    if when == "before":
        inside(telemetry, root)
    root.end()
    assert library.covered() is None
    assert counted(telemetry) == (2, pytest.approx(2 * COST))


def test_calls_of_two_models_beside_each_other_both_count(telemetry: Telemetry, library: Library) -> None:
    root = telemetry.tracer.start_span("root")
    sibling = library.span(under=root, more={names.GEN_AI_USAGE_INPUT_TOKENS: 7})
    inside(telemetry, root)
    sibling.end()
    root.end()
    assert library.covered() is None


def test_a_sum_without_any_counted_call_counts_as_an_estimate(telemetry: Telemetry, library: Library) -> None:
    library.span(more=AGENT).end()
    said = library.said()
    assert said[names.SPANLEDGER_USAGE_ESTIMATED] is True
    assert said[names.GEN_AI_USAGE_COST_AMOUNT] == pytest.approx(COST)
    assert once(telemetry)


def test_a_sum_below_a_remote_parent_counts_as_an_estimate(telemetry: Telemetry, library: Library) -> None:
    remote = trace.SpanContext(1, 2, is_remote=True, trace_flags=trace.TraceFlags(1))
    library.span(under=trace.NonRecordingSpan(remote), more=AGENT).end()
    assert library.said()[names.SPANLEDGER_USAGE_ESTIMATED] is True
    assert library.covered() is None


def test_a_sum_of_sums_counts_once(telemetry: Telemetry, library: Library) -> None:
    workflow = library.span("workflow", more=TWICE)
    library.span("agent", workflow, more=TWICE).end()
    workflow.end()
    assert (library.covered("agent"), library.covered("workflow")) == (None, "around")
    assert counted(telemetry) == (1, pytest.approx(2 * COST))


def test_a_sum_beside_the_calls_that_make_it_up_is_covered(telemetry: Telemetry, library: Library) -> None:
    root = telemetry.tracer.start_span("root")
    agent = library.span(under=root, more=TWICE)
    inside(telemetry, root)
    inside(telemetry, root, Answer(Usage(input=100, output=20)))
    agent.end()
    root.end()
    assert library.covered() == "beside"
    assert counted(telemetry) == (2, pytest.approx(2 * COST))


def test_a_sum_that_calls_beside_it_do_not_make_up_counts(telemetry: Telemetry, library: Library) -> None:
    root = telemetry.tracer.start_span("root")
    agent = library.span(under=root, more=TWICE)
    inside(telemetry, root)
    agent.end()
    root.end()
    assert library.covered() is None


def test_a_span_of_another_thread_is_covered_where_the_trace_goes_there(telemetry: Telemetry, library: Library) -> None:
    outer = library.span()
    worker = threading.Thread(target=inside, args=(telemetry, outer))
    worker.start()
    worker.join()
    outer.end()
    assert library.covered() == "around"


def test_spans_that_are_not_sampled_are_covered_all_the_same() -> None:
    made = new_telemetry(sampler=ALWAYS_OFF)
    outer = Library(made).span()
    inside(made, outer)
    outer.end()
    assert made.spans == []
    assert once(made)
    made.runtime.shutdown()


def test_what_is_above_the_cover_gets_the_cost_of_the_call_once(telemetry: Telemetry, library: Library) -> None:
    root = telemetry.tracer.start_span("root")
    outer = library.span(under=root)
    inside(telemetry, outer)
    outer.end()
    root.end()
    (span,) = (span for span in telemetry.spans if span.name == "root")
    assert (span.attributes or {})[names.SPANLEDGER_COST_SUBTREE] == pytest.approx(COST)


DIALECTS: dict[str, Any] = {
    "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.output_tokens": 20,
    "gen_ai.usage.total_tokens": 120,
    "gen_ai.usage.prompt_tokens": 100,
    "gen_ai.usage.cache_creation.input_tokens": 0,
    "gen_ai.usage.cost": 0.5,
    "gen_ai.usage.cost.amount": 0.5,
    "gen_ai.usage.cost.currency": "USD",
    "llm.usage.total_tokens": 120,
    "llm.token_count.prompt": 100,
    "llm.cost.total": 0.5,
}
STAYS: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "gpt-4o-mini",
    "llm.request.type": "chat",
}


@pytest.fixture
def keeping() -> Iterator[Telemetry]:
    made = new_telemetry(Settings(covered="keep"))
    yield made
    made.runtime.shutdown()


def repeat(made: Telemetry) -> dict[str, Any]:
    """A covered span in every dialect, whole."""
    tracer = made.provider.get_tracer("library")
    with tracer.start_as_current_span("foreign", kind=SpanKind.CLIENT, attributes={**STAYS, **DIALECTS}):
        made.calls.start(REQUEST).succeed(ANSWER)
    (span,) = (span for span in made.spans if span.name == "foreign")
    return whole(span)


SAID = {"spanledger.covered.by": "around", "spanledger.cost.subtree": COST}
WHOLE = {"name": "foreign", "kind": "CLIENT", "status": "UNSET", "events": []}


def test_usage_and_cost_in_every_dialect_move_aside(telemetry: Telemetry) -> None:
    moved = {f"spanledger.covered.{key}": value for key, value in DIALECTS.items()}
    assert repeat(telemetry) == {**WHOLE, "attributes": {**STAYS, **moved, **SAID}}


def test_with_keep_usage_stays_and_is_counted_once_all_the_same(keeping: Telemetry) -> None:
    assert repeat(keeping) == {**WHOLE, "attributes": {**STAYS, **DIALECTS, **SAID}}
    assert once(keeping)


def test_the_call_itself_stays_as_it_is(telemetry: Telemetry) -> None:
    repeat(telemetry)
    assert telemetry.attributes[names.GEN_AI_USAGE_INPUT_TOKENS] == 100
    assert not any(key.startswith("spanledger.covered") for key in telemetry.attributes)
