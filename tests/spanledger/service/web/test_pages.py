"""Pages as a browser without scripts sees them: what stands on them is what the API answers."""

from __future__ import annotations

import html
import re
from decimal import Decimal
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from tests.spanledger.service.web.conftest import DAY, HOSTILE, PAGES
from tests.support import dashboard
from tests.support.serving import asking, problem

from spanledger.budget.store import Claim, Counter
from spanledger.ledger import Entry
from spanledger.ledger.writes import write
from spanledger.money import usd
from spanledger.readable import duration
from spanledger.usage import Usage

#: One browser and one ledger for all of them.
pytestmark = pytest.mark.xdist_group("dashboard")


def text(page: str) -> str:
    """What is to be read, without the marks."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_whole_without_scripts_and_lets_none_in(client: TestClient, name: str) -> None:
    answer = client.get(PAGES[name])
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert not re.search(r"<script(?![^>]* src=)|<style|\son\w+=|\sstyle=|https?://(?!127\.0\.0\.1:16686)", answer.text)
    assert "<h1>" in answer.text
    assert "</html>" in answer.text


def test_the_overview_says_what_the_api_says(client: TestClient) -> None:
    told = client.get("/api/metrics/dashboard", params={"time_window_minutes": 1440}).json()
    costs, speed = told["costs"], told["performance"]["all_operations"]
    shown = text(client.get("/").text)
    assert f"Today (UTC) {usd(costs['daily_cost_nano_usd'])}" in shown
    assert f"Spend in this window {usd(costs['total_cost_nano_usd'])}" in shown
    assert f"about {usd(costs['projected_daily_cost_nano_usd'])} by midnight" in shown
    assert (
        f"30 days cost about {usd(costs['projected_monthly_cost_nano_usd'])}, at the rate of the last 7 whole days"
        in shown
    )
    assert f"{speed['refused']} refused, 1 lost attempt " in shown
    month = client.get("/api/metrics/costs?since=2026-11-01").json()["costs"]
    assert f"This month (UTC) {usd(month['total_cost_nano_usd'])}" in shown
    assert f"Unpriced calls {costs['unpriced_calls']}" in shown
    assert f"Calls {speed['count']}" in shown
    assert f"Error rate {speed['error_rate_percent']:.1f}%" in shown
    for one in costs["by_stage"]:
        assert one["stage"] in shown


def test_the_calls_that_failed_are_as_many_as_their_rate_says(client: TestClient) -> None:
    asked = {"time_window_minutes": 43_200}
    speed = client.get("/api/metrics/performance", params=asked).json()["performance"]["all_operations"]
    failed = round(speed["error_rate_percent"] * speed["count"] / 100)
    assert failed > speed["timeouts"] > 0
    assert f"{failed} failed, {speed['timeouts']} of them timeouts" in text(client.get("/", params=asked).text)


def test_the_overview_lists_the_operations_that_cost_most_with_how_they_did(client: TestClient) -> None:
    told = client.get("/api/metrics/dashboard", params={"time_window_minutes": 1440}).json()
    shown = text(client.get("/").text).partition("Operations that cost most")[2]
    costs = {one["operation"]: one["cost_nano_usd"] for one in told["costs"]["by_operation"]}
    found = told["performance"]["top_operations"]
    assert [one["operation"] for one in found] == ["chat", "embeddings"]
    for one in found:
        times = (one[name] for name in ("p50_ms", "p95_ms", "p99_ms"))
        took = [duration(ms / 1000) for ms in times]
        counts = (one["operation"], str(one["count"]), *took, f"{one['error_rate_percent']:.1f}%", str(one["refused"]))
        assert f"{' '.join(counts)} {usd(costs[one['operation']])}" in shown


def test_the_chart_adds_up_to_the_sum_in_any_window(client: TestClient) -> None:
    for asked in ("time_window_minutes=37", "time_window_minutes=1440", "time_window_minutes=10100",
                  "since=2026-11-03T05:07Z&until=2026-11-19T15:31Z", "since=2025-11-03&user=ann"):  # fmt: skip
        page = client.get(f"/?{asked}").text
        steps = [float(value) for value in re.findall(r'data-t="\d+" data-v="([^"]+)"', page)]
        costs = client.get(f"/api/metrics/costs?{asked}").json()["costs"]
        assert sum(steps) == pytest.approx(costs["total_cost_usd"], abs=1e-9), asked
        assert 0 < len(steps) <= 122


@pytest.mark.parametrize("which", [
    f"name=tenant/day&scope_value=acme&window={DAY}", "name=global/month&scope_value=&window=2026-11",
    f"name=run/run&scope_value={dashboard.RUN}&window={dashboard.RUN}", "name=user/total&scope_value=ann&window=total",
    f"name=stage/day&scope_value=planner&window={DAY}", f"name=tenant/day&scope_value=unattributed&window={DAY}",
])  # fmt: skip
def test_a_budget_burns_down_to_what_is_left_of_it(client: TestClient, which: str) -> None:
    page = client.get(f"/budget?{which}").text
    steps = [float(value) for value in re.findall(r'data-t="[\d.]+" data-v="([^"]+)">', page)]
    asked = dict(part.split("=") for part in which.split("&"))
    [one] = [
        row
        for row in client.get("/api/budgets").json()
        if (row["name"], row["scope_value"]) == (asked["name"], asked["scope_value"])
    ]
    assert steps[-1] == pytest.approx(float(one["limit"]) - float(one["spent"]), abs=1e-9)
    assert steps == sorted(steps, reverse=True)
    assert steps[0] == float(one["limit"])
    assert "The ledger's calls come to" not in page
    assert ("projected</th>" in page) == (one["projected"] is not None)


def test_costs_that_nobody_knows_are_never_shown_as_nothing(client: TestClient) -> None:
    shown = text(client.get("/?model=house-model-7b").text)
    assert re.search(r"Today \(UTC\) unknown: \d+ unpriced", shown)
    assert re.search(r"Spend in this window unknown: \d+ unpriced", shown)
    assert re.search(r"house-model-7b \d+ calls unknown: \d+ unpriced", shown)
    chart = client.get("/?model=house-model-7b").text
    steps = re.findall(r'data-t="\d+".*?</th><td class="n">(.*?)</td><td class="n">\d+</td><td class="n">(\d+)', chart)
    assert {cost for cost, unpriced in steps if unpriced != "0"} == {"-"}
    listed = text(client.get("/calls?model=house-model-7b").text)
    assert "unknown" in listed
    assert "$" not in listed
    assert "Nobody knows the price" in client.get(f"/call?id={dashboard.RUN}-5").text


def test_a_call_is_explained_line_by_line(client: TestClient) -> None:
    one = client.get(f"/api/calls/{dashboard.RUN}-4").json()
    shown = text(client.get(f"/call?id={dashboard.RUN}-4").text)
    assert "These lines come to what the call cost" in shown
    assert f"Together ${one['cost_usd']}" in shown
    lines = re.findall(r"\$([\d.]+)", shown.partition("Together")[0].partition("Kind Used Price Cost")[2])[1::2]
    assert sum(map(Decimal, lines)) == Decimal(str(one["cost_usd"])), "as whoever adds them up finds"
    assert f"output {one['tokens_output']:,} $15 / 1M" in shown
    assert f"Started (UTC) {one['started'][:10]}" in shown
    assert f"tenant/day acme 2026-11-19 {usd(one['cost_nano_usd'])}" in shown
    assert f"http://127.0.0.1:16686/trace/{4711:032x}" in client.get(f"/call?id={dashboard.RUN}-4").text


def test_a_page_of_one_thing_says_in_its_title_of_which(client: TestClient) -> None:
    titles = {
        PAGES["call"]: f"Call {dashboard.RUN}-4",
        PAGES["run"]: f"Run {dashboard.RUN}",
        PAGES["budget"]: "Budget tenant/day of acme",
        PAGES["tenant"]: "Tenants: acme",
        PAGES["tenants"]: "Tenants",
    }
    for path, title in titles.items():
        assert f"<title>{title} · spanledger</title>" in client.get(path).text


def test_a_run_marks_what_was_lost_failed_and_refused_and_says_each_cost(client: TestClient) -> None:
    page = client.get(f"/run?id={dashboard.RUN}").text
    for mark in ("lost", "error", "refused"):
        assert f'class="span {mark}"' in page
        assert f">{mark}</span>" in page
    for one in client.get(f"/api/runs/{dashboard.RUN}").json()["calls"]:
        if one["cost_nano_usd"] is not None:
            assert usd(one["cost_nano_usd"]) in page


def turned(client: TestClient, first: str, wanted: str, size: int) -> list[str]:
    """What a pattern finds on a page and on all that follow it."""
    seen: list[str] = []
    at: str | None = f"{first}&limit={size}"
    while at is not None:
        page = client.get(at).text
        seen += re.findall(wanted, page)
        further = re.findall(r'rel="next" href="([^"]+)"', page)
        at = f"{html.unescape(further[0])}&limit={size}" if further else None
    return seen


def test_pages_of_calls_leave_nothing_out_and_repeat_nothing(client: TestClient) -> None:
    seen = turned(client, "/calls?time_window_minutes=4320", r'href="/call\?id=([^"]+)"', 200)
    found = client.get("/api/calls", params={"time_window_minutes": 4320, "limit": 1000}).json()["calls"]
    assert seen == [one["id"] for one in found]
    assert len(seen) > 400


def test_pages_of_tenants_lead_on_until_everybody_was_there(client: TestClient) -> None:
    seen = turned(client, "/tenants?time_window_minutes=10080", r'CSV<span class="unseen"> of ([^<]+)<', 3)
    found = client.get("/api/tenants", params={"time_window_minutes": 10080}).json()["tenants"]
    assert seen == [one["tenant"] or "(none)" for one in found]
    assert len(seen) == 4


def test_tokens_per_operation_say_what_calls_without_usage_count_as(client: TestClient) -> None:
    assert "a call that told no usage for 0 tokens" in client.get("/tenants?time_window_minutes=10080").text


def test_a_refresh_brings_what_changes_and_nothing_around_it(client: TestClient) -> None:
    part = client.get("/", headers={"x-spanledger-refresh": "1"}).text
    assert "<html" not in part
    assert "<form" not in part
    assert part.strip().startswith("<dl")
    assert "As of 2026-11-19 15:42:00 UTC" in part


def test_what_is_not_there_is_a_page_that_says_so(client: TestClient) -> None:
    for path in ("/call?id=nobody", "/run?id=nobody", "/budget?name=x&window=y"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert "that you may see" in answer.text
    wrong = client.get("/calls?time_window_minutes=soon&hello=1")
    assert wrong.status_code == 422
    assert "time_window_minutes" in wrong.text
    assert client.get("/calls?cursor=none").status_code == 422


def test_files_of_another_version_are_none(client: TestClient) -> None:
    [address] = set(re.findall(r'href="(/static/[^"]+dashboard.css)"', client.get("/").text))
    answer = client.get(address)
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"].startswith("text/css")
    problem(client.get("/static/000000000000/dashboard.css"), 404)
    problem(client.get("/static/x/..%2F..%2Fpage.py"), 404)


def test_hostile_names_are_text_on_every_page(hostile: dashboard.Made) -> None:
    client = asking(dashboard.app(hostile))
    seen = 0
    for path, asked in (
        ("/", {}), ("/calls", {}), ("/call", {"id": HOSTILE}), ("/runs", {}), ("/run", {"id": HOSTILE}),
        ("/budgets", {}), ("/tenants", {"tenant": HOSTILE}), ("/cache", {"stage": HOSTILE}),
        ("/budget", {"name": "tenant/day", "scope_value": HOSTILE, "window": "2026-11-19"}),
        ("/", dict.fromkeys(("stage", "model", "tenant", "user", "service"), HOSTILE)),
    ):  # fmt: skip
        page = client.get(path, params=asked)
        assert page.status_code in (200, 404), page.text
        assert "<img" not in page.text.replace('<img src="/static/', "")
        assert not re.search(r"<script(?! src=\"/static/)", page.text)
        assert "\u202e" not in text(page.text), path
        seen += "&lt;script&gt;alert(1)" in page.text
    assert seen >= 9


def test_pages_stay_small_however_many_tenants_models_and_halts_there_are(tmp_path: Path) -> None:
    parts = dashboard.made(tmp_path, calls=0)
    at = int((dashboard.NOW - 60) * dashboard.NANO)
    one = Entry("", at, at + 1, "chat", "openai", usage=Usage(1, 1), cost=7, price_status="priced")
    names = [f"n-{number:03d}" for number in range(230)]
    write(parts.engine, [one._replace(id=name, tenant=name, request_model=name) for name in names])
    write(parts.engine, [one._replace(id=f"all-{name}", tenant="all", request_model=name) for name in names])
    for name in names:
        counter = Counter("run/run", name, name, "USD")
        parts.store.reserve(name, [Claim(counter, 5, 5)], 60)
        parts.store.settle(name, [Claim(counter, 5, 5)], [5])
        parts.store.reserve(f"{name}-2", [Claim(counter, 1, 5, sticky=True)], 60)
    client = asking(dashboard.app(parts))
    shown = text(client.get("/").text)
    assert (shown.count("224 more"), shown.count("225 more")) == (1, 1)  # models; tenants, and the one of all
    for path, rows, said in (
        ("/tenants", 50, "Those that cost less"),
        ("/tenants?tenant=all", 201, "30 more"),
        ("/budgets", 200, "There are more"),
    ):
        page = client.get(path).text
        assert (page.count('<th scope="row"'), said in page) == (rows, True), path
        assert len(page) < 300_000
    assert client.get("/tenants.csv").text.count("\n") == 461
    last = client.get("/tenants?tenant=n-229").text
    assert last.count('value="=n-229" selected') == 2  # beyond what is offered, and still what is chosen
    assert last.count("there are more") == 3
