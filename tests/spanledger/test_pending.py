"""Work under way: what is remembered of it comes back as it was, from a store or from this process alone."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from opentelemetry.trace import SpanContext, TraceFlags

from spanledger.budget.memory import MemoryStore
from spanledger.budget.sqlite import SqliteStore
from spanledger.pending import Pending, Remembered
from spanledger.scope import Prompt, Scope

SPAN = SpanContext(2**127 + 5, 2**63 + 7, is_remote=True, trace_flags=TraceFlags(1))
PENDING = Pending(Scope(run="r", tenant="a", prompt=Prompt("p", "1")), "gpt-4o", SPAN, (("gpt-4o", "hold"), ("", "h")))


@pytest.mark.parametrize("pending", [PENDING, Pending(Scope())])
def test_it_comes_back_as_it_was(pending: Pending) -> None:
    assert Pending.of(pending.text) == pending


@pytest.mark.parametrize(
    "text", [None, "", "{", "[]", "{}", '{"payer":{"nobody":1},"span":null,"model":null,"holds":[]}']
)
def test_what_somebody_else_wrote_is_nothing(text: str | None) -> None:
    assert Pending.of(text) is None


def test_those_who_share_a_store_remember_together() -> None:
    store = MemoryStore()
    one, other = Remembered(store), Remembered(store)
    one.put("a", "value")
    assert (other.peek("a"), other.take("a"), one.take("a")) == ("value", "value", None)
    assert one.first(["x", "y"]) == {"x", "y"}
    assert other.first(["y", "z"]) == {"z"}


@pytest.mark.parametrize("store", [False, True])
def test_without_a_store_that_works_a_process_remembers_by_itself(
    store: bool, tmp_path: Path, failures: Counter[tuple[str, str]]
) -> None:
    remembered = Remembered(SqliteStore(tmp_path) if store else None)
    remembered.put("a", "value")
    assert (remembered.peek("a"), remembered.take("a"), remembered.take("a")) == ("value", "value", None)
    assert remembered.first(["x", "y"]) == {"x", "y"}
    assert remembered.first(["y", "z"]) == {"z"}
    assert (failures["store", "StoreError"] > 0) is store
