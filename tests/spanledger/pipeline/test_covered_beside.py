"""One call, one span with tokens: spans beside a call, and sums over several."""

from __future__ import annotations

import pytest
from opentelemetry import trace
from opentelemetry.context import Context
from tests.support.foreign import AGENT, ANSWER, COST, REQUEST, TWICE, Library, counted, inside, once
from tests.support.telemetry import Telemetry

from spanledger.messages import Answer
from spanledger.semconv import names
from spanledger.usage import Usage

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
