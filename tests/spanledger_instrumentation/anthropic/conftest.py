"""The Anthropic client, instrumented."""

from __future__ import annotations

from collections.abc import Iterator

import anthropic
import httpx2
import pytest
from opentelemetry import trace
from tests.support.telemetry import Telemetry

from provider import Provider
from spanledger_instrumentation.anthropic import AnthropicAdapter


@pytest.fixture
def metered(telemetry: Telemetry) -> Iterator[Telemetry]:
    """A runtime of its own with the client instrumented."""
    adapter = AnthropicAdapter(telemetry.calls)
    adapter.install()
    yield telemetry
    adapter.uninstall()


@pytest.fixture
def client(provider: Provider, key: str, http: httpx2.Client) -> anthropic.Anthropic:
    """A client that does not retry."""
    return anthropic.Anthropic(base_url=provider.url, api_key=key, max_retries=0, http_client=http)


@pytest.fixture
def traced(metered: Telemetry, monkeypatch: pytest.MonkeyPatch) -> Telemetry:
    """The same with the client's own tracing on: it asks for the process's tracer provider."""
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: metered.provider)
    monkeypatch.setattr(trace, "get_tracer", lambda name, *a, **k: metered.provider.get_tracer(name))
    return metered
