"""Between a call and the provider: holds, what they are charged, and who is refused."""

from collections import Counter as Failures
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from spanledger.bound import AROUND, Bound
from spanledger.budget import inline
from spanledger.budget.memory import MemoryStore
from spanledger.budget.model import Budget
from spanledger.budget.store import Claim, Counter, Denied, Settled, StoreError
from spanledger.errors import Refusal, Refused
from spanledger.guard import Asked, Cut, Deferred, Guard, Policy, Ticket, Warned
from spanledger.pricing import PriceBook
from spanledger.scope import Scope
from spanledger.usage import Usage

BOOK = PriceBook()
MODEL = "gpt-4o-mini"  # 150 nano-USD a token in, 600 out
RUN = Scope(run="r-1", tenant="acme")
ASKED = Asked("openai", MODEL, RUN)
BOUND = Bound(size=100 - AROUND, output=10)
UNCAPPED = Bound(size=100 - AROUND, output=None)
WORST = 100 * 150 + 10 * 600


def guard(budgets: str | Sequence[Budget], store: Any = None, **policy: Any) -> Guard:
    found = inline.parse(budgets) if isinstance(budgets, str) else budgets
    return Guard(found, store or MemoryStore(), BOOK, Policy(**policy))


def usd(nano: int) -> str:
    return f"{nano / 1e9:.9f}USD"


def asking(found: Guard, asked: Asked = ASKED) -> Ticket:
    ticket = found.ticket(asked)
    assert ticket is not None
    return ticket


def admitted(found: Guard, bound: Bound = BOUND, asked: Asked = ASKED) -> Ticket:
    ticket = asking(found, asked)
    assert list(ticket.admit(bound)) == []
    return ticket


def refusal(found: Guard, bound: Bound = BOUND, asked: Asked = ASKED) -> Refusal:
    with pytest.raises(Refused) as caught:
        admitted(found, bound, asked)
    return caught.value.refusal


def figures(found: Guard, budget: str = "global/total", value: str = "", window: str = "total") -> tuple[int, int]:
    assert found.store is not None
    one = found.store.figure(Counter(budget, value, window))
    return one.committed, one.held


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


def test_without_budgets_there_is_nothing_to_ask() -> None:
    assert guard("").ticket(ASKED) is None


def test_an_attempt_holds_its_worst_case_and_is_charged_what_it_used() -> None:
    found = guard("global=1USD;tenant=1000tokens;run=5calls")
    ticket = admitted(found)
    assert figures(found) == (0, WORST)
    assert figures(found, "tenant/total", "acme") == (0, 110)
    assert figures(found, "run/run", "r-1", "r-1") == (0, 1)
    ticket.settle(Usage(input=20, output=5), 6_000)
    assert figures(found) == (6_000, 0)
    assert figures(found, "tenant/total", "acme") == (25, 0)
    assert figures(found, "run/run", "r-1", "r-1") == (1, 0)


def test_as_many_worst_cases_are_let_through_as_fit() -> None:
    found = guard(f"global={usd(3 * WORST)}")
    for _ in range(3):
        admitted(found)
    assert refusal(found) == Refusal(
        "global/total", "in_flight", "total", 3 * WORST, 0, 3 * WORST, WORST, retry_after=1.0
    )


def test_one_refusal_leaves_no_hold_anywhere() -> None:
    found = guard(f"tenant=1USD;global={usd(WORST - 1)}")
    assert refusal(found).kind == "too_large"
    assert figures(found, "tenant/total", "acme") == (0, 0)


def test_an_answer_whose_use_nobody_knows_is_charged_its_worst_case() -> None:
    found = guard("global=1USD")
    admitted(found).settle(None, None)
    assert figures(found) == (WORST, 0)


def test_an_estimate_is_never_charged_above_its_hold_but_a_bill_is() -> None:
    found = guard("global=1USD")
    admitted(found).settle(Usage(input=1, output=1, estimated=True), 10 * WORST)
    assert figures(found) == (WORST, 0)
    admitted(found).settle(Usage(input=1, output=1), 2 * WORST)
    assert figures(found) == (3 * WORST, 0)


def test_a_budget_may_charge_a_stream_given_up_as_it_was_held() -> None:
    (budget,) = inline.parse("global=1USD")
    found = guard([replace(budget, abandoned="hold")])
    admitted(found).settle(Usage(input=1, output=1, estimated=True), 750)
    assert figures(found) == (WORST, 0)


def test_an_attempt_that_was_not_billed_gives_its_hold_back_and_one_that_may_be_is_charged() -> None:
    found = guard("global=1USD")
    ticket = admitted(found)
    ticket.failed(billed=False)
    assert figures(found) == (0, 0)
    list(ticket.admit(BOUND))
    ticket.failed(billed=True)
    assert figures(found) == (WORST, 0)
    list(ticket.admit(BOUND))
    ticket.settle(Usage(input=1, output=1), 750)
    assert figures(found) == (WORST + 750, 0)
    assert ticket.charged == WORST + 750


def test_a_ticket_is_settled_once() -> None:
    found = guard("global=1USD")
    ticket = admitted(found)
    ticket.settle(Usage(input=1), 150)
    ticket.settle(Usage(input=1), 150)
    ticket.failed(billed=True)
    assert figures(found) == (150, 0)


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


def test_a_run_that_is_exhausted_stays_halted_until_its_limit_is_raised() -> None:
    found = guard(f"run={usd(WORST)}")
    admitted(found).settle(Usage(input=1), WORST - 1)
    assert refusal(found).kind == "insufficient"
    assert refusal(found, Bound(size=0, output=0, text_only=True)).kind == "exhausted"
    assert found.store is not None
    found.store.raise_limit(Counter("run/run", "r-1", "r-1"), 9 * WORST, reason="", who="")
    admitted(found)


def test_calls_under_way_do_not_halt_a_run() -> None:
    found = guard(f"run={usd(2 * WORST)}")
    first, second = admitted(found), admitted(found)
    assert refusal(found).kind == "in_flight"
    first.settle(Usage(input=1), 1)
    second.settle(Usage(input=1), 1)
    admitted(found)


def test_a_call_waits_for_others_as_long_as_its_budget_says() -> None:
    (budget,) = inline.parse(f"global={usd(WORST)}")
    now = [0.0]
    found = Guard([replace(budget, wait=1.0)], MemoryStore(), BOOK, clock=lambda: now[0])
    first = admitted(found)
    waiting = asking(found).admit(BOUND)
    assert next(waiting) > 0
    first.settle(Usage(input=1), 0)
    assert list(waiting) == []
    again = asking(found).admit(BOUND)
    next(again)
    now[0] = 1.0
    with pytest.raises(Refused):
        next(again)


def test_a_paused_call_goes_on_when_somebody_raises_the_limit() -> None:
    found = guard(f"run={usd(WORST - 1)},action=pause")
    waiting = asking(found).admit(BOUND)
    assert next(waiting) > 0
    assert found.store is not None
    found.store.raise_limit(Counter("run/run", "r-1", "r-1"), WORST, reason="", who="")
    assert list(waiting) == []


def test_a_warning_is_given_once_for_each_threshold() -> None:
    found = guard("global=1USD,warn=0.000006USD,warn=0.5USD")
    told: list[Warned] = []
    found.on_warning.append(told.append)
    for _ in range(3):
        admitted(found).settle(Usage(input=20, output=5), 6_000)
    assert [(warned.budget.name, warned.threshold) for warned in told] == [("global/total", 6_000)]


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


def test_refusals_are_told_to_who_listens() -> None:
    found = guard("global=0USD")
    told: list[Refusal] = []
    found.on_refusal.append(told.append)
    refusal(found)
    assert [(one.budget, one.kind) for one in told] == [("global/total", "exhausted")]


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


def cut(found: Guard, bound: Bound = UNCAPPED, asked: Asked = ASKED) -> Cut:
    return asking(found, asked).cut(bound)


def test_a_request_with_a_cap_is_left_as_it_is() -> None:
    assert cut(guard("global=1USD"), BOUND) == Cut()


def test_a_budget_that_only_warns_changes_no_request() -> None:
    assert cut(guard("global=1USD,action=warn")) == Cut()


def test_a_cap_is_as_long_as_the_model_can_write_where_there_is_room_for_many() -> None:
    assert cut(guard("global=1USD")) == Cut(output=16_384)


def test_a_cap_takes_a_quarter_of_what_is_left_but_not_less_than_is_of_use() -> None:
    assert cut(guard(f"global={usd(100 * 150 + 40_000 * 600)}")) == Cut(output=10_000)
    assert cut(guard(f"global={usd(100 * 150 + 5_000 * 600)}")) == Cut(output=4_096)
    assert cut(guard(f"global={usd(100 * 150 + 1_000 * 600)}")) == Cut(output=1_000)


def test_where_no_useful_answer_fits_the_attempt_is_refused() -> None:
    found = guard(f"global={usd(100 * 150 + 10 * 600)}")
    wanted = cut(found)
    assert wanted.output == 64
    assert refusal(found, replace(UNCAPPED, output=wanted.output)).kind == "too_large"


def test_several_answers_share_the_room() -> None:
    found = guard(f"global={usd(100 * 150 + 4_000 * 600)}")
    assert cut(found, replace(UNCAPPED, choices=4)) == Cut(output=1_000)


def test_a_budget_may_bound_the_cap_or_want_one_of_the_apps_own() -> None:
    (budget,) = inline.parse("global=1USD")
    assert cut(guard([replace(budget, output_cap=500)])) == Cut(output=500)
    assert cut(guard([replace(budget, uncapped="model_max")])) == Cut()
    with pytest.raises(Refused, match="set max_tokens"):
        cut(guard([replace(budget, uncapped="refuse")]))


def test_a_call_is_asked_of_a_cheaper_model_where_the_dear_one_does_not_fit() -> None:
    (budget,) = inline.parse("global=0.0001USD")
    found = guard([replace(budget, action="downgrade", downgrade_to=MODEL)])
    assert cut(found, Bound(size=100, output=100), Asked("openai", "gpt-4o", RUN)).model == MODEL
    assert cut(found, Bound(size=1, output=1), Asked("openai", "gpt-4o", RUN)).model == MODEL


def test_what_came_without_asking_is_charged_as_it_is() -> None:
    found = guard("global=1USD;tenant=1000tokens;run=5calls")
    asking(found).settle(Usage(input=20, output=5, estimated=True), 6_000)
    assert figures(found) == (6_000, 0)
    assert figures(found, "tenant/total", "acme") == (25, 0)
    assert figures(found, "run/run", "r-1", "r-1") == (1, 0)


def test_what_came_without_asking_and_without_usage_is_charged_nothing() -> None:
    found = guard("global=1USD;run=5calls")
    asking(found).settle(None, None)
    assert figures(found) == figures(found, "run/run", "r-1", "r-1") == (0, 0)


def test_an_attempt_that_failed_and_was_charged_is_not_charged_again_by_what_is_left_of_it() -> None:
    found = guard("global=1USD")
    ticket = admitted(found)
    ticket.failed(billed=True)
    ticket.settle(Usage(input=20, output=5, estimated=True), 6_000)
    assert figures(found) == (WORST, 0)


def test_a_hold_that_is_deferred_outlives_its_call_and_is_settled_by_who_resumes_it() -> None:
    now = [0.0]
    found = guard("global=1USD;run=5calls", MemoryStore(clock=lambda: now[0]))
    ticket = admitted(found)
    deferred = ticket.defer(100_000)
    assert deferred is not None
    assert ticket.settle(None, None) == []
    now[0] = 50_000
    assert figures(found) == (0, WORST)
    later = asking(found)
    later.resume(Deferred.of(deferred.text))
    later.settle(Usage(input=20, output=5), 6_000)
    assert figures(found) == (6_000, 0)
    assert figures(found, "run/run", "r-1", "r-1") == (1, 0)


def test_a_deferred_hold_that_nobody_resumes_is_charged_in_the_end() -> None:
    now = [0.0]
    found = guard("global=1USD", MemoryStore(clock=lambda: now[0]))
    admitted(found).defer(100_000)
    now[0] = 100_001
    assert figures(found) == (WORST, 0)


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


def test_work_that_outlives_its_process_is_held_behind_the_leases() -> None:
    found = guard("global=1USD")
    found.centre = MemoryStore()
    ticket = asking(found)
    assert list(ticket.admit(replace(BOUND, lasting=True))) == []
    assert figures(found) == (0, 0)
    assert found.centre.figure(Counter("global/total", "", "total")).held == WORST
