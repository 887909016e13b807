"""Beside upstream's instrumentation the spans are upstream's and the scope is ours, whichever was there first."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import baggage, context, instrumentation
from opentelemetry.sdk.trace import ReadableSpan
from tests.support.telemetry import Telemetry
from tests.support.tracing import Called, paths

from spanledger.block import run, stage
from spanledger.scope import Scope
from spanledger.semconv import names
from spanledger_instrumentation.celery import CeleryAdapter

MODULE = "opentelemetry.instrumentation.celery"


@pytest.fixture(params=["ours first", "theirs first"])
def _upstream(
    request: pytest.FixtureRequest, adapter: CeleryAdapter, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    folders = [str(Path(__file__).parent / "upstream"), *instrumentation.__path__]
    monkeypatch.setattr(instrumentation, "__path__", folders)
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    late = CeleryAdapter(telemetry.calls)
    if request.param == "theirs first":
        adapter.uninstall()
    instrumentor: Any = importlib.import_module(MODULE).CeleryInstrumentor()
    instrumentor.instrument()
    if request.param == "theirs first":
        late.install()
    yield
    late.uninstall()
    instrumentor.uninstrument()
    sys.modules.pop(MODULE)


@pytest.mark.usefixtures("_upstream")
def test_each_task_has_the_spans_of_upstream_and_our_scope(
    tasks: Any, found: list[Called], spans: Callable[[], list[ReadableSpan]]
) -> None:
    with run("r", tenant="t"), stage("plan"):
        tasks["ask"].delay().get(timeout=10)
    alone = tasks["ask"].delay()
    alone.get(timeout=10)
    assert [c.scope for c in found] == [Scope(run="r", tenant="t", stage="plan"), Scope(run=alone.id)]
    assert paths(spans()) == [
        "run",
        "run > plan",
        "run > plan > upstream apply_async/ask",
        "run > plan > upstream apply_async/ask > upstream run/ask",
        "run > plan > upstream apply_async/ask > upstream run/ask > call",
        "upstream apply_async/ask",
        "upstream apply_async/ask > upstream run/ask",
        "upstream apply_async/ask > upstream run/ask > call",
    ]


@pytest.mark.usefixtures("_upstream")
def test_baggage_that_upstream_lets_through_is_not_believed(tasks: Any) -> None:
    token = context.attach(baggage.set_baggage(names.SPANLEDGER_TENANT_ID, "somebody else"))
    try:
        with run("r"):
            found = tasks["entries"].delay().get(timeout=10)
    finally:
        context.detach(token)
    assert found == {names.SPANLEDGER_RUN_ID: "r"}
