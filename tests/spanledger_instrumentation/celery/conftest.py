"""Celery instrumented, and an app whose worker runs in a thread of this process, with broker and results in memory."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from celery import Celery  # type: ignore[import-untyped]
from celery.contrib.testing.worker import start_worker  # type: ignore[import-untyped]
from celery.exceptions import Ignore  # type: ignore[import-untyped]
from opentelemetry import baggage, trace
from opentelemetry.sdk.trace import ReadableSpan
from tests.support.telemetry import Telemetry
from tests.support.tracing import Called, call
from tests.support.waiting import until

from spanledger_instrumentation.celery import CeleryAdapter

FOUND: list[Called] = []


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """A worker sets the root logger up for itself; other tests look into the log."""
    yield
    logging.getLogger().setLevel(logging.WARNING)


@pytest.fixture
def found() -> list[Called]:
    """What calls to a model found in the tasks of this test."""
    FOUND.clear()
    return FOUND


def ask(given: Any = None) -> Any:
    FOUND.append(call())
    return given


def fail() -> None:
    FOUND.append(call())
    raise LookupError("none")


def flaky(self: Any) -> None:
    FOUND.append(call())
    raise self.retry(exc=LookupError("none"))


def ignored() -> None:
    raise Ignore


def calls_eagerly(self: Any) -> None:
    self.app.tasks["ask"].apply()
    raise LookupError("none")


def entries() -> dict[str, object]:
    return dict(baggage.get_all())


def headers(self: Any) -> Any:
    return self.request.headers["mine"], self.request.get("mine")


@pytest.fixture(autouse=True)
def adapter(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> Iterator[CeleryAdapter]:
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", telemetry.provider)
    made = CeleryAdapter(telemetry.calls)
    made.install()
    yield made
    _settle(telemetry)
    made.uninstall()


def _settle(telemetry: Telemetry) -> None:
    """A result is there before its task is over: wait until no span is open."""
    assert until(lambda: not len(telemetry.runtime.lineage))


@pytest.fixture
def spans(telemetry: Telemetry) -> Callable[[], list[ReadableSpan]]:
    """All spans, once those of the worker have ended too."""

    def ended() -> list[ReadableSpan]:
        _settle(telemetry)
        return telemetry.spans

    return ended


@pytest.fixture(scope="module")
def app() -> Iterator[Celery]:
    """An app with tasks and no worker."""
    made = Celery("tests", broker="memory://", backend="cache+memory://", set_as_current=False)
    made.conf.task_default_queue = uuid.uuid4().hex  # the broker in memory is one for the process
    made.conf.result_chord_retry_interval = 0.05
    made.task(ask, shared=False, name="ask")
    made.task(fail, shared=False, name="fail")
    made.task(ignored, shared=False, name="ignored")
    made.task(entries, shared=False, name="entries")
    made.task(flaky, shared=False, name="flaky", bind=True, max_retries=1, default_retry_delay=0)
    made.task(calls_eagerly, shared=False, name="calls_eagerly", bind=True)
    made.task(headers, shared=False, name="headers", bind=True)
    yield made
    made.close()


@pytest.fixture(scope="module")
def tasks(app: Celery) -> Iterator[Any]:
    """The tasks of the app, by name, while its worker runs."""
    with start_worker(app, perform_ping_check=False, shutdown_timeout=20):
        yield app.tasks
