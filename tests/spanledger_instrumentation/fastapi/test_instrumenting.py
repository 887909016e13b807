"""Every app is instrumented once, however and whenever it was made, and none that its user has seen to himself."""

from __future__ import annotations

import importlib.util
import inspect
import logging
from collections import Counter
from typing import Any

import fastapi
import pytest
from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.instrumentation import fastapi as upstream
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.util.http import parse_excluded_urls
from tests.support.telemetry import Telemetry
from tests.support.tracing import Called, call, paths

from spanledger.semconv import names
from spanledger_instrumentation.fastapi import FastAPIAdapter
from spanledger_instrumentation.fastapi.middleware import ScopeMiddleware


def _app(found: list[Called], made: type[FastAPI] = FastAPI, **options: Any) -> FastAPI:
    app = made(**options)

    @app.get("/")
    async def endpoint() -> None:
        found.append(call())

    return app


def test_an_app_that_was_made_before_is_caught(
    instrument: Any, ask: Any, telemetry: Telemetry, found: list[Called]
) -> None:
    app = _app(found)
    instrument()
    ask(app)
    assert paths(telemetry.spans) == ["GET /", "GET / > call"]
    assert found[0].scope.run


def test_an_app_of_a_subclass_is_caught(instrument: Any, ask: Any, telemetry: Telemetry, found: list[Called]) -> None:
    class Special(FastAPI):
        async def __call__(self, *args: Any) -> None:
            await super().__call__(*args)

    instrument()
    ask(_app(found, Special))
    assert paths(telemetry.spans) == ["GET /", "GET / > call"]


def test_an_app_that_is_serving_already_gets_its_scope(instrument: Any, ask: Any, found: list[Called]) -> None:
    app = _app(found)
    ask(app)
    instrument()
    ask(app)
    assert [c.scope.run is not None for c in found] == [False, True]


def test_an_app_that_its_user_instruments_is_left_as_he_wishes(
    instrument: Any, ask: Any, telemetry: Telemetry, found: list[Called], caplog: pytest.LogCaptureFixture
) -> None:
    instrument()
    app = _app(found)
    FastAPIInstrumentor.instrument_app(app, exclude_spans=["receive"])
    ask(app)
    assert paths(telemetry.spans) == ["GET /", *["GET / > GET / http send"] * 2, "GET / > call"]
    assert found[0].scope.run
    assert [r for r in caplog.records if "instrument" in r.message] == []


def test_apps_that_upstream_instruments_altogether_are_left_as_they_are(
    instrument: Any, ask: Any, telemetry: Telemetry, found: list[Called]
) -> None:
    instrumentor = FastAPIInstrumentor()
    instrumentor.instrument()
    try:
        instrument()
        ask(_app(found, fastapi.FastAPI))
    finally:
        instrumentor.uninstrument()
    assert paths(telemetry.spans).count("GET /") == 1
    assert found[0].scope.run


def test_a_middleware_of_the_user_is_enough(
    instrument: Any, ask: Any, telemetry: Telemetry, found: list[Called]
) -> None:
    instrument()
    app = _app(found, telemetry={"tracing": False})
    app.add_middleware(OpenTelemetryMiddleware, exclude_spans=["receive", "send"])
    ask(app)
    assert paths(telemetry.spans) == ["GET /", "GET / > call"]
    assert found[0].scope.run


@pytest.mark.parametrize("value", ["fastapi", "redis, fastapi", "*"])
def test_switched_off_by_the_variable_of_opentelemetry_only_the_scope_is_ours(
    instrument: Any,
    ask: Any,
    telemetry: Telemetry,
    found: list[Called],
    monkeypatch: pytest.MonkeyPatch,
    value: str,
) -> None:
    monkeypatch.setenv("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", value)
    instrument()
    ask(_app(found, telemetry={"tracing": False}))
    assert paths(telemetry.spans) == ["call"]
    assert (found[0].scope.run or "").startswith("req-")


def test_an_excluded_url_has_a_scope_and_no_span(
    instrument: Any, ask: Any, telemetry: Telemetry, found: list[Called], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upstream, "_excluded_urls_from_env", parse_excluded_urls("test/"))
    instrument()
    ask(_app(found))
    assert paths(telemetry.spans) == ["call"]
    assert (found[0].scope.run or "").startswith("req-")


def test_without_upstream_fastapi_makes_the_span_and_one_line_says_so(
    instrument: Any,
    ask: Any,
    found: list[Called],
    the_server_span: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "spanledger")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    instrument()
    for _ in range(2):
        ask(_app(found))
    assert [r.message for r in caplog.records] == [
        "opentelemetry.instrumentation.fastapi is not installed: server spans are left to FastAPI itself"
    ]
    assert found[0].scope.run != found[1].scope.run


def test_without_upstream_the_run_is_that_of_fastapis_own_span(
    instrument: Any, ask: Any, found: list[Called], the_server_span: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    instrument()
    ask(_app(found))
    span = the_server_span()
    assert span.instrumentation_scope.name == "fastapi"
    assert span.attributes[names.SPANLEDGER_RUN_ID] == found[0].scope.run
    assert found[0].scope.run == f"{span.context.trace_id:032x}-{span.context.span_id:016x}"


def test_a_request_is_counted_once_where_apps_are_mounted(
    instrument: Any, ask: Any, found: list[Called], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = InMemoryMetricReader()
    monkeypatch.setattr("opentelemetry.metrics._internal._METER_PROVIDER", MeterProvider([reader]))
    instrument()
    outer = FastAPI()
    outer.mount("/v1", _app(found))
    ask(outer, "/v1/")
    data = reader.get_metrics_data()
    assert data is not None
    metrics = [m for resource in data.resource_metrics for part in resource.scope_metrics for m in part.metrics]
    counted = {m.name: [p.count for p in m.data.data_points if isinstance(p, HistogramDataPoint)] for m in metrics}
    assert counted["http.server.request.duration"] == [1]
    assert "http.server.duration" not in counted


def test_a_failure_of_ours_costs_the_scope_and_not_the_request(
    instrument: Any,
    ask: Any,
    found: list[Called],
    monkeypatch: pytest.MonkeyPatch,
    failures: Counter[tuple[str, str]],
) -> None:
    instrument()
    monkeypatch.setattr(ScopeMiddleware, "_lay", staticmethod(lambda _: 1 / 0))
    assert ask(_app(found)).status_code == 200
    assert failures == {("fastapi", "ZeroDivisionError"): 1}


def test_upstream_that_fails_costs_the_span_and_not_the_request(
    instrument: Any,
    ask: Any,
    found: list[Called],
    monkeypatch: pytest.MonkeyPatch,
    failures: Counter[tuple[str, str]],
) -> None:
    monkeypatch.setattr(FastAPIInstrumentor, "instrument_app", lambda *_, **__: 1 / 0)
    instrument()
    assert ask(_app(found)).status_code == 200
    assert found[0].scope.run
    assert failures == {("fastapi", "ZeroDivisionError"): 1}


def test_uninstalled_an_app_is_served_without_a_scope(instrument: Any, ask: Any, found: list[Called]) -> None:
    adapter: FastAPIAdapter = instrument()
    app = _app(found)
    ask(app)
    adapter.uninstall()
    ask(app)
    ask(_app(found, telemetry={"tracing": False}))
    assert [c.scope.run is not None for c in found] == [True, False, False]
    assert found[2].parent == 0


def test_servers_recognise_an_app_as_ever(instrument: Any) -> None:
    instrument()
    app: Any = FastAPI()
    assert inspect.iscoroutinefunction(app.__call__)
    with pytest.raises(TypeError, match="missing 3 required positional arguments"):
        app()


def test_a_tracer_that_drops_every_span_still_leaves_each_request_its_run(
    instrument: Any, ask: Any, found: list[Called], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False))
    instrument()
    app = _app(found)
    for _ in range(2):
        ask(app)
    assert found[0].scope.run != found[1].scope.run
