"""A runtime whose calls are counted by budgets, in a store that may be shared."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from tests.support.telemetry import BOOK, Telemetry, telemetry

from spanledger.budget import inline
from spanledger.budget.memory import MemoryStore
from spanledger.budget.store import Counter, Figures, Store
from spanledger.config import Settings
from spanledger.guard import Guard
from spanledger_instrumentation.adapter import Adapter
from spanledger_instrumentation.anthropic import AnthropicAdapter
from spanledger_instrumentation.openai import OpenAIAdapter
from spanledger_instrumentation.wire import WireAdapter

#: The counter of the budget `global=...`.
GLOBAL = Counter("global/total", "", "total")


@contextmanager
def budgeted(
    budgets: str, store: Store | None = None, adapter: type[Adapter] = OpenAIAdapter, **policy: Any
) -> Iterator[Telemetry]:
    """A client instrumented under these budgets, as `SPANLEDGER_BUDGETS` has them; `policy` are further fields."""
    found = [replace(budget, **policy) for budget in inline.parse(budgets)]
    made = telemetry(guard=Guard(found, store or MemoryStore(), BOOK))
    installed = adapter(made.calls)
    installed.install()
    try:
        yield made
    finally:
        installed.uninstall()
        made.runtime.shutdown()


@contextmanager
def budgeted_everywhere(budgets: str, **settings: Any) -> Iterator[Telemetry]:
    """Every adapter that calls models, with budgets as the settings make them, in memory."""
    made = telemetry(Settings(budgets=budgets, store="memory:", **settings))
    adapters = [adapter(made.calls) for adapter in (OpenAIAdapter, AnthropicAdapter, WireAdapter)]
    for one in adapters:
        one.install()
    try:
        yield made
    finally:
        for one in adapters:
            one.uninstall()
        made.runtime.shutdown()


def figures(made: Telemetry, counter: Counter = GLOBAL) -> tuple[int, int]:
    """What a counter says is spent and held."""
    found = books(made, counter)
    return found.committed, found.held


def books(made: Telemetry, counter: Counter = GLOBAL) -> Figures:
    """All that a counter says."""
    guard = made.calls.guard
    assert guard is not None
    assert guard.store is not None
    return guard.store.figure(counter)
