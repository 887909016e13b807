"""FastAPI instrumented, with spans of the global tracer kept, and its apps asked in process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, Literal

import httpx
import pytest
from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.instrumentation._semconv import _OpenTelemetrySemanticConventionStability
from opentelemetry.sdk.trace import ReadableSpan
from starlette.background import BackgroundTask
from tests.support.telemetry import Telemetry
from tests.support.tracing import Called

from spanledger.config import Settings
from spanledger_instrumentation.fastapi import FastAPIAdapter

Instrument = Callable[..., FastAPIAdapter]
Ask = Callable[..., httpx.Response]


@pytest.fixture
def instrument(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> Iterator[Instrument]:
    """Installs the adapter under a setting of `SPANLEDGER_TRUST`."""
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", telemetry.provider)
    monkeypatch.setenv("OTEL_SEMCONV_STABILITY_OPT_IN", "http")  # as our distro does
    monkeypatch.setattr(_OpenTelemetrySemanticConventionStability, "_initialized", False)
    installed: list[FastAPIAdapter] = []

    def install(trust: Literal["off", "baggage", "headers"] = "off") -> FastAPIAdapter:
        telemetry.calls.settings = Settings(trust=trust)
        adapter = FastAPIAdapter(telemetry.calls)
        adapter.install()
        installed.append(adapter)
        return adapter

    yield install
    for adapter in installed:
        adapter.uninstall()
    original: Any = getattr(BackgroundTask, "_otel_original_call", None)
    if original is not None:  # upstream's wrapper holds on to the first tracer provider that it saw
        del BackgroundTask._otel_original_call  # type: ignore[attr-defined]
        BackgroundTask.__call__ = original  # type: ignore[method-assign]


@pytest.fixture
def instrumented(instrument: Instrument) -> None:
    """Installs the adapter as it is by default."""
    instrument()


@pytest.fixture
def app() -> FastAPI:
    """An app without a route."""
    return FastAPI()


@pytest.fixture
def found() -> list[Called]:
    """What calls to a model found where they were made."""
    return []


@pytest.fixture
def ask() -> Ask:
    """Sends one request to an app in this process. An exception of the app is raised here."""

    def send(app: FastAPI, path: str = "/", method: str = "GET", **kwargs: Any) -> httpx.Response:
        async def request() -> httpx.Response:
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.request(method, path, **kwargs)

        return asyncio.run(request())

    return send


def server(spans: list[ReadableSpan]) -> ReadableSpan:
    """The only server span."""
    (found,) = [span for span in spans if span.kind is trace.SpanKind.SERVER]
    return found


@pytest.fixture
def the_server_span(telemetry: Telemetry) -> Callable[[], ReadableSpan]:
    """Finds the only server span."""
    return lambda: server(telemetry.spans)
