"""The budgets that a store is kept for, written into it: whoever looks from another terminal sees their limits."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from spanledger.budget.model import Budget
from spanledger.budget.store import Store, StoreError
from spanledger.budget.window import Window
from spanledger.errors import failed

_KEY = "budgets"
#: Seconds that a description is kept after the last process that said it began.
_KEPT = 400 * 86_400.0


def describe(budgets: Sequence[Budget], store: Store) -> None:
    """Write down what the budgets are; the last to say so is believed. Never raises."""
    try:
        store.notes.put(_KEY, json.dumps([asdict(budget) for budget in budgets]), _KEPT)
    except StoreError as error:
        failed("store", error)


def described(store: Store) -> tuple[Budget, ...]:
    """What was written down, nothing if nobody did or nobody can read it.

    Raises:
        StoreError: the store cannot be read.
    """
    try:
        found = json.loads(store.notes.peek(_KEY) or "[]")
        return tuple(_budget(row) for row in found)
    except (ValueError, TypeError, KeyError):  # of another version
        return ()


def _budget(row: dict[str, object]) -> Budget:
    window, only = row["window"], row["only"]
    if not isinstance(window, dict) or not isinstance(only, list):
        raise TypeError
    pairs = tuple((str(name), str(value)) for name, value in only)
    lists = {name: tuple(value) for name in ("scope", "warns") if isinstance(value := row[name], list)}
    return Budget(**{**row, **lists, "window": Window(**window), "only": pairs})  # type: ignore[arg-type]  # as written
