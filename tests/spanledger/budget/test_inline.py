"""Budgets on one line."""

import re
from decimal import Decimal

import pytest

from spanledger.budget import inline, reading
from spanledger.budget.model import Budget
from spanledger.budget.window import Window
from spanledger.config import Settings
from spanledger.errors import ConfigError


def test_a_line_of_budgets_is_read() -> None:
    assert inline.parse("run=5USD,warn=1USD,warn=4.50USD; tenant/day=200000tokens,action=pause;global=50calls") == (
        Budget("run/run", Window("run"), 5_000_000_000, scope=("run",), warns=(1_000_000_000, 4_500_000_000)),
        Budget("tenant/day", Window("day"), 200_000, unit="tokens", scope=("tenant",), action="pause"),
        Budget("global/total", Window("total"), 50, unit="calls"),
    )


def test_amounts_are_exact_to_the_nano_dollar_and_never_rounded_up() -> None:
    assert inline.limit("0.0000000019USD") == ("USD", 1)
    assert inline.limit("0.1 usd") == ("USD", 100_000_000)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("run", "write scope\\[/window\\]=LIMIT"),
        ("runs=5USD", "'runs' is no scope of a budget; take one of global, service"),
        ("run/fortnight=5USD", "'fortnight' is no window of a budget; take one of run, total"),
        ("run=5", "'5' is no amount; write it such as 5USD"),
        ("run=-5USD", "'-5USD' is no amount"),
        ("run=NaNUSD", "'NaNUSD' is no amount"),
        ("run=1.5calls", "'1.5calls' is no whole number of calls"),
        ("run=5USD,warn=10tokens", "warns in tokens, the budget counts USD"),
        ("run=5USD,action=explode", "take warn=AMOUNT or action=halt|pause|warn"),
        ("run=5USD;run=6USD", "run/run is given twice"),
    ],
)
def test_what_cannot_be_read_is_named_with_the_way_out(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        inline.parse(text)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("run=5USD; tenant/dya=10USD", "SPANLEDGER_BUDGETS: in 'tenant/dya=10USD': 'dya' is no window"),
        (
            "run=5USD,action=explode;global=1USD",
            "SPANLEDGER_BUDGETS: in 'run=5USD,action=explode': 'action=",
        ),
        ("run=5USD;run=6USD", "SPANLEDGER_BUDGETS: budget run/run is given twice"),
    ],
)
def test_the_setting_and_the_budget_that_is_wrong_are_named(line: str, told: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(told)):
        reading.read(Settings(budgets=line))


def test_the_plain_names_are_the_run_budget() -> None:
    settings = Settings(run_limit=Decimal("2.50"), run_warning=Decimal(2))
    assert reading.read(settings) == (
        Budget("run/run", Window("run"), 2_500_000_000, scope=("run",), warns=(2_000_000_000,)),
    )


def test_a_warning_alone_only_counts() -> None:
    (budget,) = reading.read(Settings(run_warning=Decimal(2)))
    assert not budget.hard
    assert budget.thresholds == (2_000_000_000,)


def test_a_run_budget_of_the_line_wins_over_the_plain_names() -> None:
    (budget,) = reading.read(Settings(budgets="run=1USD", run_limit=Decimal(9)))
    assert budget.limit == 1_000_000_000


def test_a_budget_that_only_warns_does_so_at_its_limit_too() -> None:
    (budget,) = inline.parse("global/day=10USD,warn=5USD,action=warn")
    assert not budget.hard
    assert budget.thresholds == (5_000_000_000, 10_000_000_000)
