"""The pages over random calls in both kinds of database: what they ask is understood by each."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import Engine
from tests.support.serving import asking, serving

ALL = "since=2026-09-01&until=2026-10-01"


@pytest.mark.parametrize("asked", [ALL, f"{ALL}&user=ann", f"{ALL}&tenant=&status=error", "time_window_minutes=5000"])
def test_charts_add_up_to_the_sum(engine: Engine, asked: str) -> None:
    client = asking(serving(engine))
    page = client.get(f"/?{asked}").text
    steps = [float(value) for value in re.findall(r'data-t="\d+" data-v="([^"]+)"', page)]
    total = client.get(f"/api/metrics/costs?{asked}").json()["costs"]["total_cost_usd"]
    assert total > 0
    assert sum(steps) == pytest.approx(total, abs=1e-6)


def test_a_run_budget_burns_by_what_its_calls_were_charged(engine: Engine) -> None:
    page = asking(serving(engine)).get("/budget?name=run/run&scope_value=run-1&window=run-1")
    assert page.status_code == 200
    assert "The ledger's calls come to $" in page.text


@pytest.mark.parametrize("path", ["/calls", "/runs", "/tenants", "/cache", "/tenants.csv"])
def test_lists_are_read(engine: Engine, path: str) -> None:
    client = asking(serving(engine))
    for asked in (ALL, f"{ALL}&user=ann", f"{ALL}&tenant=acme"):
        assert client.get(f"{path}?{asked}").status_code == 200
