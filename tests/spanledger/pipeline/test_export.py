"""The end of the chain: every exporter gets every sampled span, and what did not arrive is counted."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from spanledger.pipeline.export import FanOut
from spanledger.pipeline.lifecycle import Ending


class Failing(SpanExporter):
    """Delivers nothing."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.FAILURE


def provider(fan: FanOut) -> TracerProvider:
    made = TracerProvider(shutdown_on_exit=False)
    made.add_span_processor(fan)
    return made


def test_every_exporter_gets_every_span() -> None:
    fan, exporters = FanOut(), [InMemorySpanExporter(), InMemorySpanExporter()]
    for exporter in exporters:
        fan.join(exporter)
    made = provider(fan)
    made.get_tracer("x").start_span("a").end()
    made.force_flush()
    assert [[span.name for span in exporter.get_finished_spans()] for exporter in exporters] == [["a"], ["a"]]
    assert fan.undelivered == 0
    made.shutdown()


def test_a_span_that_did_not_arrive_is_counted() -> None:
    fan = FanOut()
    fan.join(Failing())
    fan.join(InMemorySpanExporter())
    made = provider(fan)
    made.get_tracer("x").start_span("a").end()
    made.force_flush()
    assert fan.undelivered == 1
    made.shutdown()


def test_without_an_exporter_nothing_is_undelivered() -> None:
    fan = FanOut()
    made = provider(fan)
    made.get_tracer("x").start_span("a").end()
    assert fan.undelivered == 0
    made.shutdown()


def test_a_child_begins_with_a_count_of_its_own() -> None:
    fan = FanOut()
    fan.join(Failing())
    made = provider(fan)
    made.get_tracer("x").start_span("a").end()
    made.force_flush()
    fan.forked()
    assert fan.undelivered == 0
    made.shutdown()


def test_an_end_closes_everything_once() -> None:
    closed: list[str] = []
    ending = Ending(lambda: closed.append("first"), lambda: 0)
    ending.also(lambda: closed.append("a"))
    ending.also(lambda: closed.append("b"))
    ending()
    ending()
    assert closed[0] == "first"
    assert sorted(closed) == ["a", "b", "first"]


def test_an_end_waits_no_longer_than_its_grace_and_says_what_is_lost(caplog: pytest.LogCaptureFixture) -> None:
    answered, sent = threading.Event(), list[bool]()
    ending = Ending(lambda: None, lambda: 7, grace=0.1)
    ending.also(lambda: sent.append(answered.wait(30)))
    ending()
    assert sent == []
    answered.set()
    assert "7 spans could not be delivered within 0.1 s" in caplog.text


def test_a_step_that_fails_does_not_keep_the_others(failures: Counter[tuple[str, str]]) -> None:
    closed: list[str] = []

    def broken() -> None:
        raise LookupError

    ending = Ending(broken, lambda: 0)
    ending.also(broken)
    ending.also(lambda: closed.append("a"))
    ending()
    assert closed == ["a"]
    assert failures == {("shutdown", "LookupError"): 2}


def test_a_signal_that_stops_an_operation_of_the_store_does_not_wait_for_it_forever() -> None:
    lock, closed = threading.Lock(), list[str]()
    with lock:
        ending = Ending(lock.acquire, lambda: 0, patience=0.05)
        ending.also(lambda: closed.append("telemetry"))
        ending()
    assert closed == ["telemetry"]
