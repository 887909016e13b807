"""What is held of a call whose request tells little, or whose model has no price."""

from dataclasses import replace

from tests.support.guarding import BOUND, RUN, WORST, admitted, asking, figures, guard, refusal

from spanledger.bound import Bound
from spanledger.budget import inline
from spanledger.guard import Asked
from spanledger.usage import Usage


def test_what_is_not_in_the_body_is_held_at_the_context_window() -> None:
    found = guard("global=1000000tokens")
    admitted(found, Bound(size=None, output=10))
    assert figures(found)[1] >= 128_000 + 10


def test_tools_that_the_provider_runs_without_end_are_refused_unless_the_budget_takes_a_window() -> None:
    (budget,) = inline.parse("global=1USD")
    endless = replace(BOUND, passes=None)
    told = refusal(guard([budget]), endless)
    assert told.kind == "too_large"
    assert "max_tool_calls" in told.detail
    admitted(guard([replace(budget, unbounded="window")]), endless)


def test_tools_that_are_counted_are_held_by_the_pass() -> None:
    found = guard("global=10000000tokens")
    admitted(found, replace(BOUND, passes=3))
    assert figures(found)[1] >= 3 * 128_000


def test_many_requests_in_one_hold_the_worst_case_of_all() -> None:
    found = guard("global=1USD;run=50calls")
    ticket = asking(found)
    list(ticket.admit(replace(BOUND, times=3), BOUND))
    assert figures(found) == (0, 4 * WORST)
    assert figures(found, "run/run", "r-1", "r-1") == (0, 4)
    ticket.settle(Usage(input=20, output=5), 6_000, calls=2)
    assert figures(found, "run/run", "r-1", "r-1") == (2, 0)


def test_a_request_that_does_not_tell_its_worst_case_is_refused_with_the_reason_unless_told_otherwise() -> None:
    dark = Bound(None, None, reason="how long the audio is cannot be seen")
    asked = Asked("openai", "gpt-4o-mini-tts", RUN)
    assert "how long the audio is" in refusal(guard("global=1USD"), dark, asked).detail
    budgets = [replace(budget, unbounded="window") for budget in inline.parse("global=1USD")]
    found = guard(budgets)
    admitted(found, dark, asked)
    assert figures(found) == (0, 0)


def test_a_model_without_a_price_is_refused_by_a_budget_of_money_only() -> None:
    stranger = Asked("openai", "model-nobody-knows", RUN)
    told = refusal(guard("global=1USD"), asked=stranger)
    assert told.kind == "unpriced"
    assert "SPANLEDGER_PRICES" in told.detail
    admitted(guard("global=1000tokens"), asked=stranger)
    admitted(guard("global=1USD,action=warn"), asked=stranger)


def test_a_model_without_a_price_may_be_let_go_uncharged() -> None:
    found = guard("global=1USD;run=9calls", unpriced="allow")
    admitted(found, asked=Asked("openai", "model-nobody-knows", RUN)).settle(Usage(input=5, output=5), None)
    assert figures(found) == (0, 0)
    assert figures(found, "run/run", "r-1", "r-1") == (1, 0)


def test_what_is_free_holds_nothing_but_a_limit_of_nothing_refuses_it() -> None:
    free = Asked("openai", "omni-moderation-latest", RUN, free=True)
    admitted(guard("global=1USD"), asked=free)
    assert refusal(guard("global=0USD"), asked=free).kind == "exhausted"
