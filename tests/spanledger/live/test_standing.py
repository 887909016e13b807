"""How budgets stand while an app runs: as the books have it, and never below what the app was charged."""

from __future__ import annotations

from collections.abc import Sequence

from spanledger.budget import inline
from spanledger.budget.listing import Row
from spanledger.budget.store import Counter, StoreError
from spanledger.ledger import Charge
from spanledger.live.standing import Standing
from spanledger.pipeline.feed import Denied, Spent

BUDGETS = inline.parse("run=10USD,warn=5USD,warn=8USD;tenant/day=100calls")


def charged(nano: int, run: str = "r", calls: int = 0) -> Spent:
    counted = [Charge("tenant/day", "acme", "d", "calls", calls)] if calls else []
    charges = (Charge("run/run", run, run, "USD", nano), *counted)
    return Spent("plan", "success", run, 0.1, 10, nano, unpriced=False, estimated=False, charges=charges)


def book(spent: int, limit: int = 10 * 10**9, held: int = 0) -> Row:
    counter = Counter("run/run", "r", "r")
    return Row(*counter, limit, spent, held, 0, halted=False, counters=(counter,))


def standing(*rows: Row) -> Standing:
    return Standing(BUDGETS, lambda: rows)


def test_without_books_what_the_app_was_charged_is_what_is_spent() -> None:
    made = standing()
    assert made.hear(charged(2 * 10**9, calls=1))
    assert [line.text for line in made.news()] == [
        "run/run r ████░░░░░░░░░░░░░░░░ 20 % | $2.00 of $10.00",
        "tenant/day acme ░░░░░░░░░░░░░░░░░░░░ 1 % | 1 of 100 calls",
    ]


def test_it_is_yellow_from_the_first_warning_and_red_at_the_limit() -> None:
    made, tones = standing(), []
    for _ in range(5):
        made.hear(charged(25 * 10**8))
        tones += [(line.tone, line.text.rpartition(" | ")[2]) for line in made.news()]
    assert tones == [
        ("good", "$2.50 of $10.00"),
        ("warn", "past its warning at $5.00"),
        ("warn", "past its warning at $5.00"),
        ("bad", "spent"),
        ("bad", "spent"),
    ]


def test_a_bar_is_told_again_only_when_it_has_moved_by_a_tenth() -> None:
    made = standing()
    made.hear(charged(10**9))
    assert len(made.news()) == 1
    made.hear(charged(10**8))
    assert made.news() == []
    made.hear(charged(10**9))
    assert len(made.news()) == 1


def test_what_others_spent_counts_and_a_limit_that_was_raised_holds() -> None:
    made = standing(book(6 * 10**9, limit=20 * 10**9))
    made.hear(charged(10**9))
    [bar] = made.bars()
    assert (bar.spent, bar.limit, bar.tone) == (6 * 10**9, 20 * 10**9, "warn")


def test_books_that_lag_behind_do_not_hide_what_was_charged() -> None:
    made = standing(book(0, held=10**9))
    made.hear(charged(3 * 10**9))
    assert [bar.spent for bar in made.bars()] == [3 * 10**9]


def test_a_refusal_makes_it_red_before_the_limit_is_reached() -> None:
    made = standing()
    made.hear(charged(10**9))
    assert made.hear(Denied("run/run", "r", "no"))
    [line] = made.news()
    assert (line.tone, line.text.endswith("| has refused calls")) == ("bad", True)


def test_a_refusal_by_a_budget_that_nobody_knows_shows_no_bar() -> None:
    made = standing()
    made.hear(Denied("SPANLEDGER_BUDGETS", "", "misconfigured"))
    assert made.bars() == []


def test_a_store_that_cannot_be_read_leaves_what_was_heard() -> None:
    def broken() -> Sequence[Row]:
        raise StoreError("gone")

    made = Standing(BUDGETS, broken)
    made.hear(charged(10**9))
    assert [bar.spent for bar in made.bars()] == [10**9]


def test_calls_that_no_budget_counts_change_nothing() -> None:
    assert not standing().hear(charged(10**9)._replace(charges=()))
