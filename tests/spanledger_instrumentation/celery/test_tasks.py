"""A task belongs to the run and trace that it was sent from, and so does all that follows from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
from celery import Celery, chain, chord, signals  # type: ignore[import-untyped]
from celery.exceptions import Retry  # type: ignore[import-untyped]
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode
from tests.support.telemetry import Telemetry, whole
from tests.support.tracing import Called, paths

from spanledger import scope
from spanledger.block import prompt, run, stage
from spanledger.scope import Scope
from spanledger.semconv import names
from spanledger_instrumentation.carrier import HEADER
from spanledger_instrumentation.celery import CeleryAdapter

Spans = Callable[[], list[ReadableSpan]]


def test_a_task_is_a_consumer_span_below_its_sender_with_the_scope_of_its_sender(
    app: Celery, tasks: Any, found: list[Called], spans: Spans
) -> None:
    with run("r", tenant="t", user="u"), stage("plan"), prompt("p"):
        sent = tasks["ask"].delay()
        sent.get(timeout=10)
    assert found[0].scope == Scope(run="r", tenant="t", user="u", stage="plan")
    assert paths(spans()) == ["run", "run > plan", "run > plan > run/ask", "run > plan > run/ask > call"]
    (span,) = [span for span in spans() if span.name == "run/ask"]
    assert whole(span) == {
        "name": "run/ask",
        "kind": "CONSUMER",
        "status": "UNSET",
        "attributes": {
            "messaging.system": "celery",
            "messaging.operation.name": "run",
            "messaging.operation.type": "process",
            "messaging.destination.name": app.conf.task_default_queue,
            "messaging.message.id": sent.id,
            names.SPANLEDGER_RUN_ID: str,
            names.SPANLEDGER_TENANT_ID: "t",
            names.USER_ID: "u",
            names.SPANLEDGER_STAGE: "plan",
        },
        "events": [],
    }


def test_a_task_that_brings_no_run_is_one(tasks: Any, found: list[Called]) -> None:
    sent = tasks["ask"].delay()
    sent.get(timeout=10)
    assert found[0].scope == Scope(run=sent.id)


def test_tasks_of_a_chain_stay_in_the_run_each_below_the_one_before(
    tasks: Any, found: list[Called], spans: Spans
) -> None:
    ask = tasks["ask"]
    with run("r"):
        chain(ask.s(1), ask.s(), ask.s()).delay().get(timeout=10)
    assert [c.scope.run for c in found] == ["r"] * 3
    assert paths(spans())[-1] == "run > run/ask > run/ask > run/ask > call"


def test_the_body_of_a_chord_stays_in_the_run(tasks: Any, found: list[Called]) -> None:
    ask = tasks["ask"]
    with run("r"):
        assert chord([ask.s(1), ask.s(2)])(ask.s()).get(timeout=10) == [1, 2]
    assert [c.scope.run for c in found] == ["r"] * 3
    assert len({c.trace for c in found}) == 1


def test_callbacks_and_error_callbacks_stay_in_the_run(tasks: Any, found: list[Called]) -> None:
    ask = tasks["ask"]
    with run("r"):
        ask.apply_async((1,), link=ask.s()).get(timeout=10)
        with pytest.raises(LookupError):
            tasks["fail"].apply_async(link_error=ask.si(2)).get(timeout=10)
        ask.delay().get(timeout=10)  # behind the callbacks
    assert [c.scope.run for c in found] == ["r"] * 5


def test_a_retry_is_a_task_in_the_same_run_and_no_error_until_the_last(
    tasks: Any, found: list[Called], spans: Spans
) -> None:
    sent = tasks["flaky"].delay()
    with pytest.raises(LookupError):
        sent.get(timeout=10)
    assert [c.scope.run for c in found] == [sent.id] * 2
    statuses = [span.status.status_code for span in spans() if span.name == "run/flaky"]
    assert statuses == [StatusCode.UNSET, StatusCode.ERROR]
    assert "run/flaky > run/flaky > call" in paths(spans())


def test_a_failed_task_marks_its_span(tasks: Any, spans: Spans) -> None:
    with pytest.raises(LookupError):
        tasks["fail"].delay().get(timeout=10)
    (span,) = [span for span in spans() if span.name == "run/fail"]
    assert span.status.status_code is StatusCode.ERROR
    assert (span.attributes or {})[names.ERROR_TYPE] == "LookupError"


def test_a_task_that_is_ignored_ends_its_span(tasks: Any, spans: Spans) -> None:
    tasks["ignored"].delay()
    tasks["ask"].delay().get(timeout=10)
    assert "run/ignored" in paths(spans())


@pytest.mark.parametrize("throw", [False, True])
def test_an_eager_task_stays_inside_its_caller(app: Celery, found: list[Called], spans: Spans, throw: bool) -> None:
    before = context.get_current()
    with run("r"), stage("plan"), prompt("p") as here:
        if throw:
            with pytest.raises(LookupError):
                app.tasks["calls_eagerly"].apply(throw=True)
        else:
            app.tasks["calls_eagerly"].apply()
        assert scope.current() == here
    assert context.get_current() is before
    assert found[0].scope == here
    assert "run > plan > run/calls_eagerly > run/ask > call" in paths(spans())
    (span,) = [span for span in spans() if span.name == "run/calls_eagerly"]
    assert (span.attributes or {})[names.ERROR_TYPE] == "LookupError"


def test_an_eager_task_outside_any_run_is_one_with_its_retries(app: Celery, found: list[Called]) -> None:
    done = app.tasks["flaky"].apply()
    assert [c.scope.run for c in found] == [done.id] * 2


@pytest.mark.parametrize(("name", "raised"), [("flaky", Retry), ("ignored", None)])
def test_an_eager_task_that_only_says_how_it_goes_on_has_not_failed(
    app: Celery, spans: Spans, name: str, raised: type[Exception] | None
) -> None:
    with pytest.raises(raised) if raised else nullcontext():
        app.tasks[name].apply(throw=True)
    (outer,) = [span for span in spans() if span.name == f"run/{name}" and span.parent is None]
    assert names.ERROR_TYPE not in (outer.attributes or {})


def test_baggage_from_outside_is_not_believed_because_it_came_through_the_broker(tasks: Any) -> None:
    outside = baggage.set_baggage("color", "red", baggage.set_baggage(names.SPANLEDGER_TENANT_ID, "somebody else"))
    token = context.attach(outside)
    try:
        found = tasks["entries"].apply_async(task_id="the-task").get(timeout=10)
        with run("r"):
            inside = tasks["entries"].delay().get(timeout=10)
    finally:
        context.detach(token)
    assert found == {"color": "red", names.SPANLEDGER_RUN_ID: "the-task"}
    assert inside == {"color": "red", names.SPANLEDGER_RUN_ID: "r"}


@pytest.mark.parametrize("header", ["", "{", "[1]", '{"spanledger.run.id": 7}', '{"unknown": "x"}', 3, None])
def test_a_header_that_cannot_be_read_says_nothing(
    adapter: CeleryAdapter, tasks: Any, found: list[Called], header: object
) -> None:
    signals.before_task_publish.disconnect(adapter._publish)
    sent = tasks["ask"].apply_async(headers={HEADER: header})
    sent.get(timeout=10)
    assert found[0].scope == Scope(run=sent.id)


def test_the_headers_of_the_user_go_along_untouched(tasks: Any) -> None:
    with run("r"):
        assert tasks["headers"].apply_async(headers={"mine": "kept"}).get(timeout=10) == ["kept", "kept"]


def test_without_an_sdk_the_scope_travels_all_the_same(
    tasks: Any, found: list[Called], telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", trace.NoOpTracerProvider())
    monkeypatch.setattr(telemetry.calls, "tracer", trace.NoOpTracer())
    with run("r", tenant="t"):
        tasks["ask"].delay().get(timeout=10)
    assert found[0].scope == Scope(run="r", tenant="t")


def test_a_failure_of_ours_costs_the_scope_and_not_the_task(
    tasks: Any, monkeypatch: pytest.MonkeyPatch, failures: Counter[tuple[str, str]]
) -> None:
    monkeypatch.setattr("spanledger_instrumentation.carrier.scope.entries", lambda _: 1 / 0)
    monkeypatch.setattr("spanledger_instrumentation.celery.Execution", lambda *_: 1 / 0)
    assert tasks["ask"].delay(7).get(timeout=10) == 7
    assert set(failures) == {("celery", "ZeroDivisionError")}


def test_uninstalled_nothing_travels(adapter: CeleryAdapter, tasks: Any, found: list[Called]) -> None:
    adapter.uninstall()
    with run("r"):
        tasks["ask"].delay().get(timeout=10)
    assert (found[0].scope, found[0].parent) == (scope.EMPTY, 0)
