"""Costs as the metrics API tells them: to the nano-USD those of a plain loop over all calls, and what is ahead."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from tests.spanledger.service.conftest import ENTRIES
from tests.spanledger.service.metrics.conftest import QUESTIONS, get, questions
from tests.support import ledger_oracle as oracle
from tests.support.entries import NANO
from tests.support.serving import NOW, asking, serving

from spanledger.ledger import Entry, database
from spanledger.ledger.migrate import migrate
from spanledger.ledger.questions.filters import Filter, Window
from spanledger.ledger.questions.queries import GROUPS
from spanledger.ledger.questions.results import Totals
from spanledger.ledger.writes import write


def cost(sums: Totals) -> dict[str, Any]:
    return {
        "cost_usd": round(sums.cost / 1e9, 9),
        "cost_nano_usd": sums.cost,
        "unpriced_calls": sums.unpriced,
        "calls": sums.calls,
        "tokens_input": sums.input,
        "tokens_output": sums.output,
    }


def listed(found: list[Entry], group: str, name: str) -> list[dict[str, Any]]:
    """The hundred groups that cost most, as answers list them."""
    groups = oracle.grouped(found, lambda entry: oracle.value(entry, group))
    by_cost = sorted(groups.items(), key=lambda one: (-one[1].cost, one[0]))
    return [{name: key, **cost(sums)} for key, sums in by_cost[:100]]


@QUESTIONS
@given(asked=questions(), group=st.sampled_from(GROUPS))
def test_costs_are_those_of_a_loop_over_all_calls(there: TestClient, asked: Any, group: str) -> None:
    window, only, parameters = asked
    found = oracle.matching(ENTRIES, window, only)
    answer = get(there, "/api/metrics/costs", **parameters, group_by=group)
    assert answer["time_window_minutes"] == (window.until - window.since) // 60
    shown, sums = answer["costs"], oracle.totals(found)
    assert shown["total_cost_nano_usd"] == sums.cost
    assert shown["total_cost_usd"] == round(sums.cost / 1e9, 9)
    assert shown["unpriced_calls"] == shown["source"]["unpriced_calls"] == sums.unpriced
    assert shown["source"]["provider_nano_usd"] + shown["source"]["local_nano_usd"] == sums.cost
    assert shown["source"]["estimated_nano_usd"] == sums.cost_estimated
    for name in ("operation", "model", "stage", "tenant"):
        assert shown[f"by_{name}"] == listed(found, name, name)
    assert shown["groups"] == listed(found, group, "key")


@pytest.mark.parametrize("hour", [0.5, 12.0, 23.75])
def test_what_is_ahead_follows_the_days_before(there: TestClient, hour: float) -> None:
    """Today is what the days before had spent of theirs by this time; the month is their mean, thirty times."""
    day = 86_400
    today = int(NOW // day) * day
    app: Any = there.app
    service = app.state.service
    app.state.service = replace(service, clock=lambda: today + hour * 3600)
    try:
        shown = get(there, "/api/metrics/costs", tenant="acme")["costs"]
    finally:
        app.state.service = service
    only = Filter(tenant="acme")
    whole = oracle.totals(oracle.matching(ENTRIES, Window(today - 7 * day, today), only)).cost
    days = [today - n * day for n in range(1, 8)]
    days = [at for at in days if oracle.matching(ENTRIES, Window(at, at + day), only)]
    whole_hours, rest = int(hour) * 3600, hour % 1

    def cost(since: int, until: int) -> int:
        return oracle.totals(oracle.matching(ENTRIES, Window(since, until), only)).cost

    until_now = sum(cost(at, at + whole_hours) + rest * cost(at + whole_hours, at + whole_hours + 3600) for at in days)
    so_far = oracle.totals(oracle.matching(ENTRIES, Window(today, int(today + hour * 3600)), only)).cost
    assert shown["projection"]["method"] == "last_days"
    assert shown["projection"]["days"] == len(days)
    assert shown["daily_cost_nano_usd"] == so_far
    assert shown["projected_daily_cost_nano_usd"] == pytest.approx(so_far * whole / until_now, rel=1e-9)
    assert shown["projected_monthly_cost_nano_usd"] == pytest.approx(whole / len(days) * 30, abs=1)


def test_on_the_first_day_the_month_is_told_by_today(tmp_path: Any) -> None:
    engine = database.engine(f"sqlite://{tmp_path}/calls.sqlite")
    migrate(engine)
    midnight = int(NOW // 86_400) * 86_400
    at = (midnight + 60) * NANO
    write(engine, [Entry("one", at, at, "chat", "openai", cost=7 * NANO, price_status="priced")])
    costs = get(asking(serving(engine)), "/api/metrics/costs")["costs"]
    share = (NOW - midnight) / 86_400
    assert costs["projection"]["method"] == "today"
    assert costs["projected_daily_cost_nano_usd"] == pytest.approx(7 * NANO / share)
    assert costs["projected_monthly_cost_nano_usd"] == costs["projected_daily_cost_nano_usd"] * 30


def test_lists_that_end_say_how_many_groups_they_leave_out(tmp_path: Any) -> None:
    engine = database.engine(f"sqlite://{tmp_path}/calls.sqlite")
    migrate(engine)
    at = int(NOW - 60) * NANO
    one = Entry("", at, at, "chat", "openai", cost=NANO, price_status="priced")
    write(engine, [one._replace(id=f"{n}", tenant=f"t{n}", request_model=f"m{n % 100}") for n in range(130)])
    there = asking(serving(engine))
    costs = get(there, "/api/metrics/costs", group_by="tenant")["costs"]
    assert (len(costs["by_model"]), len(costs["by_tenant"]), len(costs["groups"])) == (100, 100, 100)
    assert costs["left_out"] == {"by_tenant": 30, "groups": 30}
    assert get(there, "/api/metrics/performance", group_by="tenant")["performance"]["left_out"] == {"groups": 30}
    assert get(there, "/api/metrics/performance", group_by="model")["performance"]["left_out"] == {}


def test_no_two_figures_of_money_differ_between_their_forms(there: TestClient) -> None:
    shown = get(there, "/api/metrics/costs", time_window_minutes=5760)["costs"]
    money = {name.removesuffix("_nano_usd") for name in shown if name.endswith("_nano_usd")}
    assert len(money) == 4
    for name in money:
        assert shown[f"{name}_usd"] == round(shown[f"{name}_nano_usd"] / 1e9, 9)
    assert asdict(oracle.totals(ENTRIES))["cost"] > 0
