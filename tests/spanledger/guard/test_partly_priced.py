"""A call of which only a part has a known price: what else it cost nobody knows, so its hold stands for it."""

import pytest

from spanledger.bound import AROUND, Bound
from spanledger.budget import inline
from spanledger.budget.memory import MemoryStore
from spanledger.budget.store import Counter
from spanledger.guard import Asked, Guard
from spanledger.pricing import PriceBook
from spanledger.scope import Scope
from spanledger.usage import Usage

WORST = 100 * 150 + 10 * 600


@pytest.mark.parametrize(
    ("usage", "known", "charged"),
    [
        (Usage(input=20, output=5), 6_000, WORST),
        (Usage(input=20, output=5), 2 * WORST, 2 * WORST),
        (Usage(input=20, output=5, estimated=True), 6_000, WORST),
        (Usage(input=20, output=5, estimated=True), 2 * WORST, WORST),
    ],
    ids=["less is known", "more is known", "less is guessed", "more is guessed"],
)
def test_it_is_charged_as_it_was_held_unless_the_known_part_is_more(usage: Usage, known: int, charged: int) -> None:
    store = MemoryStore()
    guard = Guard(inline.parse("global=1USD;tenant=1000tokens"), store, PriceBook())
    ticket = guard.ticket(Asked("openai", "gpt-4o-mini", Scope(tenant="acme")))
    assert ticket is not None
    assert list(ticket.admit(Bound(size=100 - AROUND, output=10))) == []
    ticket.settle(usage, known, partial=True)
    assert store.figure(Counter("global/total", "", "total")).committed == charged
    assert store.figure(Counter("tenant/total", "acme", "total", "tokens")).committed == 25, "tokens are known"
