"""Threads instrumented, and spans of the global tracer kept."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry import trace
from tests.support.telemetry import Telemetry

from spanledger_instrumentation.threads import ThreadsAdapter


@pytest.fixture(autouse=True)
def adapter(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadsAdapter]:
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", telemetry.provider)
    made = ThreadsAdapter(telemetry.calls)
    made.install()
    yield made
    made.uninstall()
