"""Whether anything is left at all: asked before calls whose requests nobody sees."""

import uuid
from collections import Counter as Failures
from dataclasses import replace

import pytest

from spanledger.budget import inline
from spanledger.budget.memory import MemoryStore
from spanledger.budget.store import Claim, Counter, Figures, StoreError
from spanledger.errors import Refusal
from spanledger.guard import Asked, Guard, Policy
from spanledger.pricing import PriceBook
from spanledger.scope import Scope

BOOK = PriceBook()
ASKED = Asked("cohere", "command-r", Scope(run="r-1", tenant="acme"))
TOTAL = Counter("global/total", "", "total")


class Unread(MemoryStore):
    """A store that cannot be reached."""

    def figure(self, counter: Counter) -> Figures:
        raise StoreError("no route to the store")


def spend(store: MemoryStore, nano_usd: int) -> None:
    store.settle(uuid.uuid4().hex, [Claim(TOTAL, 0)], [nano_usd])


def test_a_call_may_be_made_until_the_limit_is_reached() -> None:
    store = MemoryStore()
    found = Guard(inline.parse("global=1USD"), store, BOOK)
    spend(store, 10**9 - 1)
    assert found.spent(ASKED) is None
    spend(store, 1)
    refusal = found.spent(ASKED)
    assert refusal is not None
    assert (refusal.kind, refusal.committed, refusal.limit, refusal.needed) == ("exhausted", 10**9, 10**9, None)


def test_what_only_warns_refuses_nothing() -> None:
    store = MemoryStore()
    found = Guard(inline.parse("global=1USD,action=warn"), store, BOOK)
    spend(store, 2 * 10**9)
    assert found.spent(ASKED) is None


@pytest.mark.parametrize("store", [None, Unread()], ids=["none", "unreachable"])
def test_without_its_store_a_hard_budget_refuses_unless_it_says_open(
    store: MemoryStore | None, failures: Failures[tuple[str, str]]
) -> None:
    (budget,) = inline.parse("global=1USD")
    told: list[Refusal] = []
    found = Guard([budget], store, BOOK)
    found.on_refusal.append(told.append)
    refusal = found.spent(ASKED)
    assert refusal is not None
    assert (refusal.budget, refusal.kind) == ("global/total", "store_unavailable")
    assert told == [refusal]
    assert Guard([replace(budget, on_store_error="open")], store, BOOK).spent(ASKED) is None
    assert Guard([replace(budget, action="warn")], store, BOOK).spent(ASKED) is None
    assert set(failures) == {("store", "StoreError")}


def test_budgets_that_cannot_be_read_refuse() -> None:
    refusal = Guard([], MemoryStore(), BOOK, Policy(problem="no such file")).spent(ASKED)
    assert refusal is not None
    assert (refusal.budget, refusal.kind, refusal.detail) == ("SPANLEDGER_BUDGETS", "misconfigured", "no such file")
