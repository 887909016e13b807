"""An adapter for every test, with a provider of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry import context
from opentelemetry.sdk.trace import TracerProvider
from tests.spanledger_instrumentation.langchain.structure import Traced, Watch, unmetered


@pytest.fixture
def traced() -> Iterator[Traced]:
    """An installed adapter. Afterwards every span has ended, no run is open and the context is as it was."""
    before = context.get_current()
    provider, watch = TracerProvider(shutdown_on_exit=False), Watch()
    provider.add_span_processor(watch)
    adapter = unmetered(provider)
    adapter.install()
    made = Traced(adapter, provider, watch)
    yield made
    adapter.uninstall()
    assert context.get_current() is before, "a context was left attached"
    assert made.open == 0, "a run is still open"
    assert len(watch.began) == len(watch.ended), f"spans never ended: {made.trees()}"
