"""Which counters a call is charged to."""

import pytest

from spanledger.budget.model import Budget, Subject, Unit
from spanledger.budget.register import Register
from spanledger.budget.store import Counter
from spanledger.budget.window import Window
from spanledger.scope import Scope

DAY = 86_400.0


def test_each_value_of_a_scope_has_a_counter_of_its_own() -> None:
    register = Register([Budget("tenant/day", Window("day"), 1, scope=("tenant",))])
    places = [register.places(Subject(Scope(run="r", tenant=name)), 0.0) for name in ("acme", "umbra")]
    assert [place.counter for (place,) in places] == [
        Counter("tenant/day", "acme", "1970-01-01"),
        Counter("tenant/day", "umbra", "1970-01-01"),
    ]


def test_a_budget_that_counts_something_else_from_now_on_does_not_go_on_from_money() -> None:
    units: list[Unit] = ["USD", "tokens", "calls"]
    registers = [Register([Budget("d", Window("total"), 1, unit=unit)]) for unit in units]
    counters = [register.places(Subject(Scope(run="r")), 0.0)[0].counter for register in registers]
    assert len({counter.key for counter in counters}) == 3
    assert [Counter.of(counter.key) for counter in counters] == counters


def test_who_was_not_named_is_charged_as_unattributed() -> None:
    (place,) = Register([Budget("u", Window("total"), 1, scope=("user",))]).places(Subject(Scope(run="r")), 0.0)
    assert place.counter.value == "unattributed"


def test_a_budget_counts_only_the_calls_it_is_for() -> None:
    register = Register([Budget("free", Window("total"), 1, only=(("baggage.plan", "free"), ("model", "gpt-4o")))])
    free = Subject(Scope(run="r"), model="gpt-4o", baggage={"plan": "free"})
    paid = Subject(Scope(run="r"), model="gpt-4o", baggage={"plan": "paid"})
    assert len(register.places(free, 0.0)) == 1
    assert register.places(paid, 0.0) == ()


def test_a_stage_per_run_is_named_by_the_stage_and_kept_by_the_run() -> None:
    register = Register([Budget("b", Window("run"), 1, scope=("stage",))])
    (place,) = register.places(Subject(Scope(run="r-1", implied_stage="planner")), 0.0)
    assert place.counter == Counter("b", "planner", "r-1")


def test_several_dimensions_share_one_counter() -> None:
    register = Register([Budget("b", Window("total"), 1, scope=("tenant", "model"))])
    (place,) = register.places(Subject(Scope(run="r", tenant="acme"), model="gpt-4o"), 0.0)
    assert place.counter.value == "acme,gpt-4o"


def test_values_with_commas_do_not_run_into_each_other() -> None:
    register = Register([Budget("b", Window("total"), 1, scope=("tenant", "user"))])
    payers = [Scope(run="r", tenant="a,b", user="c"), Scope(run="r", tenant="a", user="b,c")]
    assert [register.places(Subject(payer), 0.0)[0].counter.value for payer in payers] == ["a\\,b,c", "a,b\\,c"]


@pytest.mark.parametrize("odd", ["two\nlines", "\x1b[31mred", "a\x1fb", "half \ud800 a character", "x" * 100_000])
def test_a_value_that_no_store_or_terminal_takes_is_told_by_a_digest(odd: str) -> None:
    register = Register([Budget("u", Window("total"), 1, scope=("user",))])
    values = [
        register.places(Subject(Scope(run="r", user=user)), 0.0)[0].counter.value for user in (odd, odd, f"{odd}!")
    ]
    assert values[0] == values[1] != values[2]
    assert values[0].isprintable()
    assert len(values[0].encode()) < 200


def test_a_call_after_the_clock_was_set_back_is_charged_to_the_day_that_it_is() -> None:
    register = Register([Budget("d", Window("day"), 1)])
    windows = [register.places(Subject(Scope(run="r")), now)[0].counter.window for now in (DAY, DAY - 1)]
    assert windows == ["1970-01-02", "1970-01-01"]


def test_no_claim_is_larger_than_stores_can_add_up() -> None:
    (place,) = Register([Budget("d", Window("day"), 1)]).places(Subject(Scope(run="r")), 0.0)
    assert place.claim(10**40).amount == 2**53


def test_a_call_after_midnight_is_charged_to_the_new_day() -> None:
    register = Register([Budget("d", Window("day"), 1)])
    subject = Subject(Scope(run="r"))
    windows = [register.places(subject, now)[0].counter.window for now in (DAY - 1, DAY)]
    assert windows == ["1970-01-01", "1970-01-02"]


def test_only_a_run_budget_that_halts_is_sticky() -> None:
    budgets = [
        Budget("run", Window("run"), 1, scope=("run",)),
        Budget("paused", Window("run"), 1, scope=("run",), action="pause"),
        Budget("day", Window("day"), 1),
    ]
    places = Register(budgets).places(Subject(Scope(run="r")), 0.0)
    assert [place.sticky for place in places] == [True, False, False]
