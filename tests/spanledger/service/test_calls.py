"""Single calls, runs, traces and exports over HTTP: every one of them once, whole, and in order."""

from __future__ import annotations

import base64
import io
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from tests.spanledger.service.conftest import ENTRIES
from tests.support import ledger_oracle as oracle
from tests.support.entries import BEGIN, DAYS, NANO
from tests.support.serving import asking, problem, serving

from spanledger.ledger.exchange import load
from spanledger.ledger.questions.filters import Filter, Window

SINCE = BEGIN // NANO
WHOLE = {"since": datetime.fromtimestamp(SINCE, UTC).isoformat(), "until": "2026-10-01T00:00:00Z"}
QUESTIONS = settings(max_examples=12, deadline=None)


@pytest.fixture(scope="package")
def there(engine: Engine) -> TestClient:
    return asking(serving(engine))


def pages(client: TestClient, path: str, asked: dict[str, str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        answer = client.get(f"/api/{path}", params={**asked, **cursor})
        assert answer.status_code == 200, answer.text
        found += answer.json()[path]
        if (after := answer.json()["next"]) is None:
            return found
        cursor = {"cursor": after}


@st.composite
def filters(draw: st.DrawFn) -> Filter:
    names = draw(st.sets(st.sampled_from(Filter.__slots__), max_size=2))
    return Filter(**{name: oracle.value(draw(st.sampled_from(ENTRIES)), name) for name in sorted(names)})


def parameters(only: Filter) -> dict[str, str]:
    return {name: value for name in Filter.__slots__ if (value := getattr(only, name)) is not None}


@QUESTIONS
@given(only=filters(), minutes=st.sampled_from((60, 600, 5760)), limit=st.integers(50, 1000))
def test_pages_list_every_call_once_the_latest_first(there: TestClient, only: Filter, minutes: int, limit: int) -> None:
    until = SINCE + 2 * 86_400
    window = Window.of(until - minutes * 60, until)
    asked = {"until": datetime.fromtimestamp(until, UTC).isoformat(), "time_window_minutes": str(minutes)}
    shown = pages(there, "calls", {**asked, **parameters(only), "limit": str(limit)})
    expected = sorted(oracle.matching(ENTRIES, window, only), key=lambda e: (e.started, e.id), reverse=True)
    assert [one["id"] for one in shown] == [entry.id for entry in expected]
    assert [one["cost_nano_usd"] for one in shown] == [entry.cost for entry in expected]


@QUESTIONS
@given(only=filters())
def test_pages_list_every_run_with_what_its_calls_come_to(there: TestClient, only: Filter) -> None:
    shown = pages(there, "runs", {**WHOLE, **parameters(only), "limit": "7"})
    expected = oracle.runs(ENTRIES, Window.of(SINCE, SINCE + 5 * 86_400), only)
    assert [one["id"] for one in shown] == [id_ for id_, _ in expected]
    for one, (_, own) in zip(shown, expected, strict=True):
        sums = oracle.totals(own)
        assert (one["cost_nano_usd"], one["unpriced_calls"], one["calls"]) == (sums.cost, sums.unpriced, sums.calls)


@QUESTIONS
@given(only=filters(), minutes=st.sampled_from((60, 601, 5760)), limit=st.integers(1, 3))
def test_pages_list_every_tenant_once_with_its_operations_the_dearest_first(
    there: TestClient, only: Filter, minutes: int, limit: int
) -> None:
    until = SINCE + 2 * 86_400
    asked = {"until": datetime.fromtimestamp(until, UTC).isoformat(), "time_window_minutes": str(minutes)}
    shown = pages(there, "tenants", {**asked, **parameters(only), "limit": str(limit)})
    found = oracle.matching(ENTRIES, Window.of(until - minutes * 60, until), only)
    expected = oracle.grouped(found, lambda entry: oracle.value(entry, "tenant"))
    assert [(one["cost_nano_usd"], one["tenant"]) for one in shown] == sorted(
        ((sums.cost, name) for name, sums in expected.items()), key=lambda place: (-place[0], place[1])
    )
    for one in shown:
        own = [entry for entry in found if oracle.value(entry, "tenant") == one["tenant"]]
        done = oracle.grouped(own, lambda entry: entry.operation)
        assert one["by_operation"] == {operation: sums.calls for operation, sums in done.items() if sums.calls}


def test_a_call_is_shown_as_it_was_and_what_nobody_knows_is_null(there: TestClient) -> None:
    for entry in ENTRIES[:40]:
        shown = there.get(f"/api/calls/{entry.id}").json()
        assert (shown["status"], shown["tenant"], shown["user_id"]) == (entry.status, entry.tenant, entry.user)
        assert datetime.fromisoformat(shown["started"]) == datetime.fromtimestamp(entry.started // NANO, UTC).replace(
            microsecond=entry.started % NANO // 1000
        )
        assert shown["started"].endswith("Z")
        assert shown["duration_ms"] == pytest.approx((entry.ended - entry.started) / 1e6, abs=1e-3)
        usage = entry.usage
        assert shown["tokens_total"] == (None if usage is None else usage.input + usage.output)
        assert shown["tokens_cache_read"] == (None if usage is None else usage.cache_read)
        assert shown["hold_id"] == entry.hold
        assert shown["cost_usd"] == (None if entry.cost is None else round(entry.cost / 1e9, 9))


def test_a_run_and_a_trace_have_all_of_their_calls(there: TestClient) -> None:
    own = sorted((entry for entry in ENTRIES if entry.run == "run-7"), key=lambda e: (e.started, e.id))
    shown = there.get("/api/runs/run-7").json()
    assert [one["id"] for one in shown["calls"]] == [entry.id for entry in own]
    assert shown["run"]["cost_nano_usd"] == oracle.totals(own).cost
    traced = [entry for entry in ENTRIES if entry.trace_id == f"{7:032x}"]
    trace = there.get(f"/api/traces/{7:032X}").json()
    assert trace["totals"]["cost_nano_usd"] == oracle.totals(traced).cost
    assert {one["id"] for one in trace["calls"]} == {entry.id for entry in traced}
    assert trace["jaeger_url"] is None


def test_a_trace_links_to_jaeger_where_that_is_known(small: Engine) -> None:
    client = asking(serving(small, jaeger_url="http://jaeger:16686"))
    assert client.get(f"/api/traces/{7:032x}").json()["jaeger_url"] == f"http://jaeger:16686/trace/{7:032x}"


@pytest.mark.parametrize("path", ["calls/nobody", "runs/nobody", "traces/nobody", "calls/a/b"])
def test_what_is_not_there_is_said_with_where_to_look(client: TestClient, path: str) -> None:
    assert "you may see" in problem(client.get(f"/api/{path}"), 404)


#: Half a character as the id.
HALF = base64.urlsafe_b64encode(b'[1,"\\ud800"]').decode()


@pytest.mark.parametrize(
    "cursor", ["x", "bm8", "W10", "WzEsMl0", "WyJhIiwiYiJd", "WzFlNDAsImEiXQ", "[" * 2000, "ä", HALF]
)
def test_a_cursor_that_is_none_of_ours_is_refused(client: TestClient, cursor: str) -> None:
    for path in ("calls", "runs", "tenants"):
        assert "cursor" in problem(client.get(f"/api/{path}", params={"cursor": cursor}), 422)


@pytest.mark.parametrize("format_", ["jsonl", "csv", "parquet"])
def test_an_export_is_what_an_import_takes(there: TestClient, format_: Any) -> None:
    answer = there.get("/api/export", params={**WHOLE, "format": format_, "tenant": "acme"})
    assert answer.status_code == 200
    assert f"20261001T0000.{format_}" in answer.headers["content-disposition"]
    found = list(load(io.BytesIO(answer.content), format_))
    expected = oracle.matching(ENTRIES, Window.of(SINCE, SINCE + DAYS * 86_400 + 60), Filter(tenant="acme"))

    in_order = sorted(expected, key=lambda entry: (entry.started, entry.id))
    assert found == [entry._replace(charges=tuple(sorted(entry.charges))) for entry in in_order]


def test_an_export_of_nothing_is_an_empty_file(client: TestClient) -> None:
    asked = {"since": "2001-01-01", "until": "2001-01-02"}
    assert client.get("/api/export", params={**asked, "format": "jsonl"}).content == b""
    assert client.get("/api/export", params={**asked, "format": "csv"}).text.startswith("id,kind,status")
