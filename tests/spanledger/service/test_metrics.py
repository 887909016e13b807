"""The metrics API: its figures are those of a plain loop over all calls, to the nano-USD."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from tests.spanledger.service.conftest import ENTRIES, EVENTS, LAYERS
from tests.support import ledger_oracle as oracle
from tests.support.entries import BEGIN, DAYS, NANO
from tests.support.serving import NOW, asking, problem, serving

from spanledger.ledger import Entry, database
from spanledger.ledger.filters import Filter, Window
from spanledger.ledger.migrate import migrate
from spanledger.ledger.queries import GROUPS
from spanledger.ledger.results import Totals
from spanledger.ledger.writes import write

SINCE = BEGIN // NANO
SECTIONS = ("performance", "costs", "quality", "cache", "health")
QUESTIONS = settings(max_examples=15, deadline=None)


@pytest.fixture(scope="package")
def there(engine: Engine) -> TestClient:
    return asking(serving(engine))


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


@st.composite
def questions(draw: st.DrawFn) -> tuple[Window, Filter, dict[str, str]]:
    """A window and a filter, and the parameters that ask for them."""
    since = draw(st.integers(SINCE - 4000, SINCE + DAYS * 86_400))
    until = since + draw(st.sampled_from((1, 300, 3600, 21_600, 86_400, 4 * 86_400)))
    names = draw(st.sets(st.sampled_from(Filter.__slots__), max_size=2))
    wanted = {name: oracle.value(draw(st.sampled_from(ENTRIES)), name) for name in sorted(names)}
    only = Filter(**wanted)
    return Window.of(since, until), only, {**wanted, "since": iso(since), "until": iso(until)}


def get(client: TestClient, path: str, **asked: Any) -> Any:
    answer = client.get(path, params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


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


def check_speed(shown: dict[str, Any], found: list[Entry]) -> None:
    sums, took = oracle.totals(found), oracle.latencies(found)
    assert shown["count"] == sums.calls
    assert (shown["errors"], shown["timeouts"], shown["refused"]) == (sums.errors, sums.timeouts, sums.refused)
    assert shown["lost_attempts"] == sums.lost
    for name, share in (("p50_ms", 0.5), ("p95_ms", 0.95), ("p99_ms", 0.99)):
        value = shown[name]
        assert oracle.near(None if value is None else value * 1e6, took, share)
    if took:
        assert shown["avg_ms"] == pytest.approx(sum(took) / len(took) / 1e6, abs=0.001)
        assert shown["error_rate_percent"] == pytest.approx(100 * (sums.errors + sums.timeouts) / sums.calls, abs=1e-4)
    else:
        assert shown["avg_ms"] is shown["error_rate_percent"] is None


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


@QUESTIONS
@given(asked=questions(), group=st.sampled_from(GROUPS))
def test_speeds_are_those_of_a_loop_over_all_calls(there: TestClient, asked: Any, group: str) -> None:
    window, only, parameters = asked
    found = oracle.matching(ENTRIES, window, only)
    shown = get(there, "/api/metrics/performance", **parameters, group_by=group)["performance"]
    check_speed(shown["all_operations"], found)
    for one in shown["top_operations"]:
        check_speed(one, [entry for entry in found if entry.operation == one["operation"]])
    keys = {one["key"] for one in shown["groups"]}
    assert keys == {oracle.value(entry, group) for entry in found}
    for one in shown["groups"]:
        check_speed(one, [entry for entry in found if oracle.value(entry, group) == one["key"]])


@QUESTIONS
@given(asked=questions())
def test_provider_caches_and_tenants_are_those_of_a_loop_over_all_calls(there: TestClient, asked: Any) -> None:
    window, only, parameters = asked
    found = oracle.matching(ENTRIES, window, only)
    sums = oracle.totals(found)
    shown = get(there, "/api/metrics/cache", **parameters)["cache"]["provider"]
    assert (shown["tokens_input"], shown["tokens_cache_read"]) == (sums.input, sums.cache_read)
    tenants = get(there, "/api/tenants", **parameters)["tenants"]
    groups = oracle.grouped(found, lambda entry: oracle.value(entry, "tenant"))
    assert {one["tenant"]: one["cost_nano_usd"] for one in tenants} == {k: one.cost for k, one in groups.items()}
    for one in tenants:
        own = groups[one["tenant"]]
        assert one["operations"] == own.calls == sum(one["by_operation"].values())
        assert one["tokens_total"] == own.input + own.output


@QUESTIONS
@given(asked=questions(), group=st.sampled_from(GROUPS))
def test_caches_health_and_quality_are_told_by_any_group(there: TestClient, asked: Any, group: str) -> None:
    window, only, parameters = asked
    groups = oracle.grouped(oracle.matching(ENTRIES, window, only), lambda entry: oracle.value(entry, group))
    healthy = get(there, "/api/metrics/health", **parameters, group_by=group)["health"]["groups"]
    assert {one["key"]: one["calls"] for one in healthy} == {key: sums.calls for key, sums in groups.items()}
    caches = get(there, "/api/metrics/cache", **parameters, group_by=group)["cache"]
    read = {key: (sums.input, sums.cache_read) for key, sums in groups.items()}
    for one in caches["groups"]:
        shown = (one["provider"]["tokens_input"], one["provider"]["tokens_cache_read"])
        assert shown == read.get(one["key"], (0, 0))
    told = [one for one in caches["groups"] if one["layers"]]
    layers = {name: one for name, one in caches.items() if name in {"l1", "l2", "prompt"} and one}
    for name, layer in (layers | caches["others"]).items() if told else ():
        assert layer["hits"] == sum(one["layers"].get(name, {"hits": 0})["hits"] for one in told)
    quality = get(there, "/api/metrics/quality", **parameters, group_by=group)["quality"]
    assert sum(one["count"] for one in quality["groups"]) == quality["count"]


def test_the_marks_of_a_group_are_those_of_its_calls(there: TestClient) -> None:
    whole = {"since": iso(SINCE), "until": iso(NOW)}
    groups = get(there, "/api/metrics/quality", **whole, group_by="tenant")["quality"]["groups"]
    expected: dict[str, list[int]] = {}
    for number, entry in enumerate(ENTRIES[:100:2]):
        expected.setdefault(entry.tenant or "", []).append(2 * number % 5)
    assert {one["key"]: one["count"] for one in groups if one["count"]} == {k: len(v) for k, v in expected.items()}
    for one in groups:
        assert one["avg_quality_score"] == pytest.approx(sum(expected[one["key"]]) / len(expected[one["key"]]))


def test_the_events_of_a_group_are_those_of_its_caches(there: TestClient) -> None:
    whole = {"since": iso(SINCE), "until": iso(NOW)}
    groups = get(there, "/api/metrics/cache", **whole, group_by="tenant")["cache"]["groups"]
    assert {one["key"] for one in groups} == {"acme", "globex", ""}
    for one in groups:
        own = [event for event in EVENTS if (event.tenant or "") == one["key"]]
        hits = {layer: sum(event.hit for event in own if event.layer == layer) for layer in LAYERS}
        assert {layer: said["hits"] for layer, said in one["layers"].items()} == hits
    by_model = get(there, "/api/metrics/cache", **whole, group_by="model")["cache"]["groups"]
    assert [one["layers"] for one in by_model] == [None] * len(by_model)


@pytest.mark.parametrize("minutes", [5, 15, 60, 360, 1440, 5760])
def test_the_dashboard_is_the_sections_together_of_the_last_minutes(there: TestClient, minutes: int) -> None:
    answer = get(there, "/api/metrics/dashboard", time_window_minutes=minutes)
    end = int(-(-NOW // 60)) * 60
    window = Window(end - minutes * 60, end)
    assert (answer["since"], answer["until"]) == (iso(window.since)[:19] + "Z", iso(end)[:19] + "Z")
    assert answer["timestamp"].endswith("Z")
    assert (answer["time_window_minutes"], answer["version"]) == (minutes, "1")
    found = oracle.matching(ENTRIES, window, Filter())
    assert answer["costs"]["total_cost_nano_usd"] == oracle.totals(found).cost
    check_speed(answer["performance"]["all_operations"], found)
    for section in SECTIONS[:-1]:
        own = get(there, f"/api/metrics/{section}", time_window_minutes=minutes)
        assert own[section] == answer[section]


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


def test_an_empty_ledger_knows_nothing_and_says_so(tmp_path: Any) -> None:
    engine = database.engine(f"sqlite://{tmp_path}/calls.sqlite")
    migrate(engine)
    answer = get(asking(serving(engine)), "/api/metrics/dashboard")
    speed = answer["performance"]["all_operations"]
    assert (speed["count"], speed["avg_ms"], speed["p95_ms"], speed["error_rate_percent"]) == (0, None, None, None)
    costs = answer["costs"]
    assert (costs["total_cost_nano_usd"], costs["projected_monthly_cost_usd"]) == (0, None)
    assert costs["projection"]["method"] == "none"
    assert answer["quality"]["avg_quality_score"] is None
    assert answer["cache"]["l1"] == {"hits": 0, "misses": 0, "hit_rate_percent": None}
    assert answer["health"]["components"]["provider"] == "not configured"


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


def test_caches_and_marks_are_told_by_layer_and_name(there: TestClient) -> None:
    whole = {"since": iso(SINCE), "until": iso(NOW)}
    shown = get(there, "/api/metrics/cache", **whole)["cache"]
    assert shown["l1"]["hits"] + shown["l1"]["misses"] == 50
    assert shown["others"].keys() == {"semantic"}
    assert shown["note"] is None
    other = get(there, "/api/metrics/cache", **whole, model="gpt-4o")["cache"]
    assert (other["l1"], other["others"]) == (None, {})
    assert "tenant" in other["note"]
    marks = get(there, "/api/metrics/quality", **whole)["quality"]
    said = [n % 5 for n in range(0, 100, 2)]
    refined = [n % 5 for n in range(1, 100, 2)]
    assert marks["count"] == 50
    assert marks["avg_quality_score"] == pytest.approx(sum(said) / 50)
    rate = 100 * sum(value > 0 for value in refined) / 50
    assert marks["refinement_rate_percent"] == pytest.approx(rate)
    assert marks["first_pass_acceptance_rate_percent"] == pytest.approx(100 - rate)


def test_the_admin_view_is_of_days(there: TestClient) -> None:
    end = int(-(-NOW // 60)) * 60
    found = oracle.matching(ENTRIES, Window(end - 2 * 86_400, end), Filter())
    sums, took = oracle.totals(found), oracle.latencies(found)
    shown = get(there, "/admin/llm-metrics", days=2)
    assert (shown["total_calls"], shown["total_cost_nano_usd"]) == (sums.calls, sums.cost)
    assert shown["avg_tokens_per_request"] == pytest.approx((sums.input + sums.output) / sums.calls)
    assert shown["error_rate"] == pytest.approx((sums.errors + sums.timeouts) / sums.calls, abs=1e-6)
    assert oracle.near(shown["p95_latency_ms"] * 1e6, took, 0.95)
    for one in get(there, "/admin/llm-performance", days=2)["operations"]:
        own = [entry for entry in found if entry.operation == one["operation"]]
        assert one["count"] == oracle.totals(own).calls
        assert oracle.near(one["p99_ms"] * 1e6, oracle.latencies(own), 0.99)


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ({"tennant": "acme"}, "tennant"),
        ({"time_window_minutes": "0"}, "time_window_minutes"),
        ({"time_window_minutes": "9" * 30}, "time_window_minutes"),
        ({"since": "soon"}, "since"),
        ({"since": "2026-02-02", "until": "2026-02-01"}, "before until"),
        ({"since": "0001-01-01T00:00:00Z"}, "2000"),
        ({"since": "2001-01-01", "until": "2026-02-01"}, "ten years"),
        ({"group_by": "weekday"}, "group_by"),
        ({"status": "fine"}, "status"),
        ({"model": "\0"}, "model"),
    ],
)
def test_what_cannot_be_asked_is_named(client: TestClient, asked: dict[str, str], hint: str) -> None:
    assert hint in problem(client.get("/api/metrics/costs", params=asked), 422)


def test_health_names_what_is_down_while_the_ledger_is(tmp_path: Any) -> None:
    engine = database.engine(f"sqlite://{tmp_path}/calls.sqlite")
    migrate(engine)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE dimensions"))
        connection.execute(text("UPDATE ledger_version SET version_num = '9999'"))
    client = asking(serving(engine))
    health = get(client, "/api/metrics/health")["health"]
    assert (health["status"], health["components"]["ledger"], health["components"]["store"]) == ("down", "down", "ok")
    assert "spanledger ledger migrate" in health["details"]["ledger"]
    assert "ledger" in problem(client.get("/api/metrics/costs"), 503)
    assert "migrate" in problem(client.get("/readyz"), 503)
    assert client.get("/healthz").json() == {"status": "ok"}


def test_no_two_figures_of_money_differ_between_their_forms(there: TestClient) -> None:
    shown = get(there, "/api/metrics/costs", time_window_minutes=5760)["costs"]
    money = {name.removesuffix("_nano_usd") for name in shown if name.endswith("_nano_usd")}
    assert len(money) == 4
    for name in money:
        assert shown[f"{name}_usd"] == round(shown[f"{name}_nano_usd"] / 1e9, 9)
    assert asdict(oracle.totals(ENTRIES))["cost"] > 0
