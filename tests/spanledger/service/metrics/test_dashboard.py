"""The sections of the metrics API together, what is told of nothing, and what cannot be asked."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from tests.spanledger.service.conftest import ENTRIES
from tests.spanledger.service.metrics.conftest import check_speed, get, iso
from tests.support import ledger_oracle as oracle
from tests.support.serving import NOW, asking, problem, serving

from spanledger.ledger import database
from spanledger.ledger.migrate import migrate
from spanledger.ledger.questions.filters import Filter, Window

SECTIONS = ("performance", "costs", "quality", "cache", "health")


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


@pytest.mark.parametrize(
    "path", ["/api/metrics/costs", "/api/tenants", "/api/calls", "/api/export", "/api/budgets", "/admin/llm-metrics"]
)
def test_which_of_two_values_is_meant_is_not_guessed(client: TestClient, path: str) -> None:
    for asked in ("limit=1&limit=2", "tenant=acme&tenant=globex", "time_window_minutes=5&time_window_minutes=60"):
        name = asked.partition("=")[0]
        assert f"{name} is given more than once" in problem(client.get(f"{path}?{asked}"), 422)


@pytest.mark.parametrize("zone", ["+05:30", " 05:30", "+0530", "%2B05:30", "-05:30"])
def test_a_time_zone_is_understood_even_where_its_plus_became_a_blank(client: TestClient, zone: str) -> None:
    answer = client.get(f"/api/metrics/costs?since=2026-02-02T10:00:00{zone}&until=2026-02-02 12:00{zone}").json()
    expected = "2026-02-02T15:30:00Z" if zone.startswith("-") else "2026-02-02T04:30:00Z"
    assert (answer["since"], answer["time_window_minutes"]) == (expected, 120)


def test_an_admin_view_is_of_the_days_or_of_the_minutes_that_were_asked_for(client: TestClient) -> None:
    for path in ("/admin/llm-metrics", "/admin/llm-performance"):
        for asked, minutes in (({}, 7 * 1440), ({"days": 2}, 2880), ({"time_window_minutes": 5}, 5)):
            assert get(client, path, **asked)["time_window_minutes"] == minutes
        both = client.get(path, params={"days": 7, "time_window_minutes": 5})
        assert "give one of them" in problem(both, 422)
