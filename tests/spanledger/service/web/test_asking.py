"""What is asked for in the filter, and what is taken along as files."""

from __future__ import annotations

import csv
import html
import io
import re

import pytest
from fastapi.testclient import TestClient
from tests.spanledger.service.web.test_pages import text

#: One browser and one ledger for all of them.
pytestmark = pytest.mark.xdist_group("dashboard")


def test_the_filter_tells_any_from_not_said(client: TestClient) -> None:
    def to(**fields: str) -> str:
        return client.get("/filter", params={"to": "/calls", **fields}).headers["location"]

    assert to(stage="", model="=gpt-4o", time_window_minutes="60") == "/calls?time_window_minutes=60&model=gpt-4o"
    assert to(tenant="=", user="ann") == "/calls?tenant=&user=ann"
    assert client.get("/filter", params={"to": "//evil.example"}).headers["location"] == "/"
    assert "(none)" in client.get("/calls?tenant=").text


def test_a_month_is_chosen_in_the_filter_and_stays_chosen(client: TestClient) -> None:
    form = client.get("/tenants?tenant=acme").text
    assert '<input type="datetime-local" name="since" value="">' in form
    chosen = {"to": "/tenants", "since": "2026-11-01T00:00", "until": "2026-11-08T00:00", "tenant": "=acme"}
    page = client.get("/filter", params=chosen, follow_redirects=True).text
    assert "2026-11-01 00:00:00 to 2026-11-08 00:00:00 UTC" in text(page)
    for name in ("since", "until"):
        assert f'<input type="datetime-local" name="{name}" value="{chosen[name]}">' in page
    elsewhere = client.get("/tenants", params={"since": "2026-11-01T02:00+02:00", "until": "2026-11-08"}).text
    assert 'name="since" value="2026-11-01T00:00"' in elsewhere


def test_the_bill_of_a_tenant_comes_as_a_file(client: TestClient) -> None:
    answer = client.get("/tenants.csv?tenant=acme&time_window_minutes=10080")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert {row["tenant"] for row in rows} == {"acme"}
    nano = client.get("/api/metrics/costs?tenant=acme&time_window_minutes=10080").json()["costs"]["total_cost_nano_usd"]
    assert sum(int(row["cost_usd"].replace(".", "") or 0) for row in rows) == nano
    assert {row["model"] for row in rows if not row["cost_usd"]} == {"house-model-7b"}
    assert "attachment" in answer.headers["content-disposition"]


def test_both_files_of_a_page_are_of_the_time_that_it_shows(client: TestClient) -> None:
    for asked in ("", "?time_window_minutes=10080", "?since=2026-11-03T05:07Z&until=2026-11-09T15:31Z&tenant=acme"):
        links = re.findall(r'class="button" href="([^"]+)" download', client.get(f"/tenants{asked}").text)
        bill, every = (list(csv.DictReader(io.StringIO(client.get(html.unescape(link)).text))) for link in links)
        calls = [row for row in every if row["kind"] == "call" and row["status"] != "refused"]
        assert sum(int(row["calls"]) for row in bill) == len(calls) > 100
        assert sum(int(row["cost_usd"].replace(".", "") or 0) for row in bill) == sum(
            int(row["cost"] or 0) for row in every
        )
