"""What LLM agents cost, on OpenTelemetry.

    import spanledger

    spanledger.init()                                   # or run the app under `opentelemetry-instrument`
    with spanledger.run(tenant="acme", user="u-7"):
        with spanledger.stage("profile_analyzer"):
            client.chat.completions.create(...)

Names are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spanledger.block import prompt, run, stage
    from spanledger.errors import BudgetExceeded, ConfigError, SpanledgerError
    from spanledger.guard import BudgetPause, BudgetWarning
    from spanledger.pipeline.start import budgets, cache_event, init, on_budget_pause, on_budget_warning

    __version__: str

_HOMES = {
    "BudgetExceeded": "spanledger.errors",
    "BudgetPause": "spanledger.guard",
    "BudgetWarning": "spanledger.guard",
    "ConfigError": "spanledger.errors",
    "SpanledgerError": "spanledger.errors",
    "budgets": "spanledger.pipeline.start",
    "cache_event": "spanledger.pipeline.start",
    "init": "spanledger.pipeline.start",
    "on_budget_pause": "spanledger.pipeline.start",
    "on_budget_warning": "spanledger.pipeline.start",
    "prompt": "spanledger.block",
    "run": "spanledger.block",
    "stage": "spanledger.block",
}

__all__ = [
    "BudgetExceeded",
    "BudgetPause",
    "BudgetWarning",
    "ConfigError",
    "SpanledgerError",
    "__version__",
    "budgets",
    "cache_event",
    "init",
    "on_budget_pause",
    "on_budget_warning",
    "prompt",
    "run",
    "stage",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("spanledger")
    if name not in _HOMES:
        raise AttributeError(f"module 'spanledger' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
