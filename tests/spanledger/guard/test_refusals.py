"""Every refusal of a budget is counted in its counter, also one that the store was not asked for."""

from collections import Counter as Failures
from collections.abc import Mapping
from dataclasses import replace

import pytest
from tests.support.guarding import BOUND, RUN, asking, guard, refusal

from spanledger.budget import inline
from spanledger.budget.memory import MemoryStore
from spanledger.budget.store import Counter, StoreError
from spanledger.errors import Refused
from spanledger.guard import Asked, Guard

GLOBAL, OF_RUN = Counter("global/total", "", "total"), Counter("run/run", "r-1", "r-1")


def refusals(found: Guard) -> tuple[int, int]:
    assert found.store is not None
    return found.store.figure(GLOBAL).refused, found.store.figure(OF_RUN).refused


def test_what_has_no_price_counts_where_it_was_refused_and_nowhere_else() -> None:
    found = guard("global=1USD;run=9calls")
    stranger = Asked("openai", "model-nobody-knows", RUN)
    for number in (1, 2):
        assert refusal(found, asked=stranger).kind == "unpriced"
        assert refusals(found) == (number, 0)


def test_a_request_without_bounds_counts() -> None:
    found = guard("global=1USD")
    assert refusal(found, replace(BOUND, passes=None)).kind == "too_large"
    assert refusals(found) == (1, 0)


def test_a_request_without_the_cap_that_a_budget_wants_counts_once() -> None:
    (budget,) = inline.parse("global=1USD")
    found = guard([replace(budget, uncapped="refuse")])
    with pytest.raises(Refused):
        asking(found).cut(replace(BOUND, output=None))
    assert refusals(found) == (1, 0)


def test_a_call_whose_request_nobody_sees_counts() -> None:
    found = guard("global=0USD")
    assert found.spent(Asked("cohere", "command-r", RUN)) is not None
    assert refusals(found) == (1, 0)


class Uncounting(MemoryStore):
    """A store that is gone when it is told of refusals."""

    def refuse(self, refused: Mapping[Counter, int]) -> None:
        raise StoreError("no route to the store")


def test_a_refusal_that_cannot_be_counted_is_one_all_the_same(failures: Failures[tuple[str, str]]) -> None:
    found = guard("global=1USD", Uncounting())
    assert refusal(found, asked=Asked("openai", "model-nobody-knows", RUN)).kind == "unpriced"
    assert set(failures) == {("store", "StoreError")}
