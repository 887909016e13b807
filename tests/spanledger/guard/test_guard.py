"""Between a call and the provider: holds, what they are charged, and who is refused."""

from dataclasses import replace

import pytest
from tests.support.guarding import ASKED, BOUND, WORST, admitted, asking, figures, guard, refusal, usd
from tests.support.telemetry import BOOK

from spanledger.bound import Bound
from spanledger.budget import inline
from spanledger.budget.memory import MemoryStore
from spanledger.budget.store import Counter
from spanledger.errors import Refusal, Refused
from spanledger.guard import Deferred, Guard, Warned
from spanledger.usage import Usage


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


def test_refusals_are_told_to_who_listens() -> None:
    found = guard("global=0USD")
    told: list[Refusal] = []
    found.on_refusal.append(told.append)
    refusal(found)
    assert [(one.budget, one.kind) for one in told] == [("global/total", "exhausted")]


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


def test_work_that_outlives_its_process_is_held_behind_the_leases() -> None:
    found = guard("global=1USD")
    found.centre = MemoryStore()
    ticket = asking(found)
    assert list(ticket.admit(replace(BOUND, lasting=True))) == []
    assert figures(found) == (0, 0)
    assert found.centre.figure(Counter("global/total", "", "total")).held == WORST
