"""Where budgets, prices or the store are not there: who is refused, and what is charged later."""

from collections import Counter as Failures
from collections.abc import Sequence
from dataclasses import replace

from tests.support.guarding import admitted, figures, guard, refusal
from tests.support.telemetry import BOOK

from spanledger.budget import inline
from spanledger.budget.memory import MemoryStore
from spanledger.budget.store import Claim, Denied, Settled, StoreError
from spanledger.guard import Guard
from spanledger.pricing import PriceBook
from spanledger.usage import Usage


class Broken(MemoryStore):
    """A store that cannot be reached while `down`."""

    down = True

    def reserve(self, hold: str, claims: Sequence[Claim], ttl: float) -> Denied | None:
        if self.down:
            raise StoreError("no route to the store")
        return super().reserve(hold, claims, ttl)

    def settle(self, hold: str, claims: Sequence[Claim], actual: Sequence[int]) -> Settled:
        if self.down:
            raise StoreError("no route to the store")
        return super().settle(hold, claims, actual)


def test_budgets_that_cannot_be_read_refuse_every_call() -> None:
    told = refusal(guard("", problem="budgets.yaml: is no YAML"))
    assert (told.kind, told.detail) == ("misconfigured", "budgets.yaml: is no YAML")


def test_prices_that_cannot_be_read_refuse_the_calls_of_hard_budgets() -> None:
    book = PriceBook(broken="prices.yaml: is no YAML")
    hard, soft = (Guard(inline.parse(text), MemoryStore(), book) for text in ("global=1USD", "global=1USD,action=warn"))
    assert refusal(hard).kind == "misconfigured"
    admitted(soft)


def test_a_store_that_cannot_be_reached_refuses_unless_the_budget_says_open(
    failures: Failures[tuple[str, str]],
) -> None:
    (budget,) = inline.parse("global=1USD")
    closed = refusal(guard([budget], Broken()))
    assert (closed.budget, closed.kind) == ("global/total", "store_unavailable")
    assert "no route to the store" in closed.detail
    assert refusal(Guard([budget], None, BOOK)).kind == "store_unavailable"
    admitted(guard([replace(budget, on_store_error="open")], Broken()))
    admitted(guard("global=1USD,action=warn", Broken()))
    assert failures == {("store", "StoreError"): 4}


def test_what_was_spent_while_the_store_was_away_is_charged_when_it_is_back(
    failures: Failures[tuple[str, str]],
) -> None:
    (budget,) = inline.parse("global=1USD")
    store = Broken()
    found = guard([replace(budget, on_store_error="open")], store)
    admitted(found).settle(Usage(input=20, output=5), 6_000)
    store.down = False
    admitted(found).settle(Usage(input=1), 150)
    assert figures(found) == (6_150, 0)
    assert failures == {("store", "StoreError"): 2}
