"""One call, one span with tokens: spans around and inside a call, in every order in which they may come."""

from __future__ import annotations

import threading

import pytest
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from tests.support.foreign import AGENT, ANSWER, COST, REQUEST, Library, counted, inside, once, opened
from tests.support.telemetry import Telemetry
from tests.support.telemetry import telemetry as new_telemetry

from spanledger.semconv import names


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
