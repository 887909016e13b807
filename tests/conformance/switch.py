"""spanledger on, in this process, with everything kept in memory: what conformance is measured against in tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from conformance.running import SCOPE, Running
from tests.support.telemetry import telemetry

from spanledger_instrumentation.anthropic import AnthropicAdapter
from spanledger_instrumentation.openai import OpenAIAdapter


@contextmanager
def switched_on() -> Iterator[Running]:
    """A runtime of its own with both clients instrumented."""
    found = telemetry()
    adapters = [OpenAIAdapter(found.calls), AnthropicAdapter(found.calls)]
    for adapter in adapters:
        adapter.install()
    try:
        yield Running(found.provider.get_tracer(SCOPE), found.runtime.lineage, lambda: found.spans)
    finally:
        for adapter in adapters:
            adapter.uninstall()
        found.runtime.shutdown()
