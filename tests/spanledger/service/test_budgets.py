"""Budgets over HTTP: the list that the command prints, and changes by an admin, with a reason, in the audit."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from tests.support.entries import NANO
from tests.support.serving import asking, problem, serving, spent, tokens

from spanledger.budget.memory import MemoryStore
from spanledger.budget.sqlite import SqliteStore
from spanledger.budget.store import Claim, Counter, Entry, Figures
from spanledger.cli import main
from spanledger.service.app import create
from spanledger.service.books import Books

RUN = {"name": "run/run", "scope_value": "run-1", "reason": "they paid for more"}
COUNTER = Counter("run/run", "run-1", "run-1")


def test_the_list_is_the_one_that_the_command_prints(
    small: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store = SqliteStore(tmp_path / "books.sqlite")
    client = asking(serving(small, spent(store)))
    monkeypatch.setenv("SPANLEDGER_STORE", f"sqlite://{tmp_path}/books.sqlite")
    monkeypatch.setenv(
        "SPANLEDGER_BUDGETS",
        "global=100USD;tenant/day=10USD,warn=1USD;run=1USD;user/total=9000tokens;tenant/total=50calls",
    )
    assert main(["budgets", "--format", "json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    shown = client.get("/api/budgets").json()
    assert len(shown) == 6
    still = [{**one, "projected": None} for one in shown]  # it moves with the clock
    assert still == [{**one, "projected": None} for one in printed]
    store.close()


def test_a_halted_run_is_raised_with_a_reason_and_goes_on(small: Engine) -> None:
    store = spent(MemoryStore())
    client = asking(serving(small, store))
    answer = client.post("/api/budgets/raise", json={**RUN, "to": "8"}).json()
    assert (answer["budget"]["limit"], answer["budget"]["halted"]) == ("8.000000000", False)
    latest = answer["history"][0]
    assert (latest["action"], latest["amount"], latest["reason"]) == ("raise", "8.000000000", RUN["reason"])
    assert latest["who"] == "service:local"
    assert client.get("/api/budgets/changes").json()[0] == latest
    assert store.reserve("next", [Claim(COUNTER, 7 * NANO, NANO)], 60) is None


def test_reset_and_resume_end_a_halt_each_in_its_way(small: Engine) -> None:
    store = spent(MemoryStore())
    client = asking(serving(small, store))
    client.post("/api/budgets/raise", json={**RUN, "to": "2USD"})
    store.reserve("halting", [Claim(COUNTER, NANO + 1, NANO, sticky=True)], 60)
    assert client.get("/api/budgets").json()[3]["halted"]
    resumed = client.post("/api/budgets/resume", json=RUN).json()
    assert (resumed["budget"]["limit"], resumed["budget"]["halted"]) == ("2.000000000", False)
    assert resumed["history"][0]["reason"] == f"resume: {RUN['reason']}"
    again = client.post("/api/budgets/reset", json=RUN).json()
    assert (again["budget"]["limit"], again["budget"]["spent"]) == ("1.000000000", "1.000000000")


def test_who_changed_it_is_the_token(small: Engine, tmp_path: Path) -> None:
    found, made = tokens(tmp_path, ("boss", ("admin",), None))
    answer = asking(serving(small, tokens=found), made["boss"]).post("/api/budgets/reset", json=RUN)
    assert answer.json()["history"][0]["who"] == "service:boss"


def test_pages_of_changes_have_each_of_them_once_while_more_are_made(small: Engine) -> None:
    store = spent(MemoryStore())
    client = asking(serving(small, store))
    for number in range(7):
        store.raise_limit(COUNTER, number + 2 * NANO, reason=f"reason {number}", who="boss")
    at, seen = "/api/budgets/changes?limit=3", []
    while at:
        answer = client.get(at)
        seen += [one["reason"] for one in answer.json()]
        assert len(answer.json()) <= 3
        store.raise_limit(COUNTER, 9 * NANO, reason="meanwhile", who="boss")
        at = answer.links.get("next", {}).get("url", "")
    assert seen == [*(f"reason {number}" for number in range(6, -1, -1)), "exhausted"]


class Narrow(MemoryStore):
    """A store in which nobody may read all counters, or all changes."""

    def figures(self) -> dict[Counter, Figures]:
        raise AssertionError("all counters were read")

    def audit(self) -> Iterable[Entry]:
        raise AssertionError("all changes were read")


@pytest.mark.parametrize("path", ["/", "/budgets", "/api/budgets", "/api/budgets/changes"])
def test_no_look_at_budgets_reads_all_counters_and_changes(small: Engine, path: str) -> None:
    assert asking(serving(small, spent(Narrow()))).get(path).status_code == 200


def test_pages_of_budgets_have_each_row_once_in_the_order_of_the_whole_list(small: Engine) -> None:
    store = spent(MemoryStore())
    for number in range(5):
        store.settle(f"{number}", [Claim(Counter("user/total", f"u{number}", "total", "tokens"), 0)], [number])
    client = asking(serving(small, store))
    seen: list[Any] = []
    at = "/api/budgets?limit=2"
    while at:
        answer = client.get(at)
        assert len(answer.json()) <= 2
        seen += answer.json()
        at = answer.links.get("next", {}).get("url", "")
    assert [{**one, "projected": None} for one in seen] == [
        {**one, "projected": None} for one in client.get("/api/budgets").json()
    ]
    assert len(seen) > 9


def test_a_tenant_pages_through_its_own_budgets_alone(small: Engine, tmp_path: Path) -> None:
    found, made = tokens(tmp_path, ("globex", ("read",), "globex"))
    client = asking(serving(small, spent(MemoryStore()), tokens=found), made["globex"])
    whole = client.get("/api/budgets").json()
    first = client.get("/api/budgets?limit=1")
    second = client.get(first.links["next"]["url"])
    assert {one["scope_value"] for one in whole} == {"globex"}
    assert [(one["name"], one["spent"]) for one in (*first.json(), *second.json())] == [
        (one["name"], one["spent"]) for one in whole
    ]
    assert "next" not in second.links


def test_one_counter_is_shown_and_changed_without_a_look_at_all_others(small: Engine) -> None:
    client = asking(serving(small, spent(Narrow())))
    for which in (RUN, {**RUN, "window": "run-1"}):
        assert client.post("/api/budgets/raise", json={**which, "to": "8"}).json()["budget"]["limit"] == "8.000000000"
    page = client.get("/budget", params={"name": "run/run", "scope_value": "run-1", "window": "run-1"})
    assert page.status_code == 200
    assert "$8.00" in page.text


@pytest.mark.parametrize(
    ("change", "status", "hint"),
    [
        ({"to": "9tokens"}, 422, "counts USD"),
        ({"to": "-1"}, 422, "no amount"),
        ({"to": "lots"}, 422, "no amount"),
        ({"to": "9" * 60}, 422, "as large"),
        ({"to": ""}, 422, "no amount"),
        ({"reason": "  "}, 422, "reason"),
        ({"reason": None}, 422, "reason"),
        ({"scope_value": "run-2"}, 404, "/api/budgets"),
        ({"window": "run-2"}, 404, "/api/budgets"),
        ({"by": "1"}, 422, "by"),
    ],
)
def test_a_change_that_cannot_be_is_named_and_changes_nothing(
    client: TestClient, change: dict[str, Any], status: int, hint: str
) -> None:
    before = client.get("/api/budgets").json()
    answer = client.post("/api/budgets/raise", json={**RUN, "to": "8", **change})
    assert hint in problem(answer, status)
    assert [one["limit"] for one in client.get("/api/budgets").json()] == [one["limit"] for one in before]


def test_where_the_settings_name_no_budget_those_of_the_apps_are_shown(small: Engine) -> None:
    from tests.support.serving import BUDGETS  # noqa: PLC0415

    from spanledger.budget.described import describe  # noqa: PLC0415
    from spanledger.config import Settings  # noqa: PLC0415

    store = spent(MemoryStore())
    client = asking(create(Settings(), small, Books(store)))
    assert client.get("/api/budgets").json() == []
    describe(BUDGETS, store)
    assert len(client.get("/api/budgets").json()) == 6


def test_prometheus_is_told_the_budgets_under_the_names_that_apps_tell(client: TestClient) -> None:
    client.get("/api/metrics/costs")
    client.get("/nowhere")
    lines = client.get("/metrics").text.splitlines()
    labels = 'spanledger_budget_name="global/total",spanledger_budget_scope_value=""'
    assert f"spanledger_budget_limit_USD{{{labels}}} 100.0" in lines
    assert f"spanledger_budget_spent_USD{{{labels}}} 0.030000001" in lines
    assert (
        'spanledger_budget_spent_USD{spanledger_budget_name="run/run",spanledger_budget_scope_value="*"} 1.0' in lines
    )
    assert not any("run-1" in line or "ann" in line for line in lines)
    asked = 'spanledger_service_requests_total{method="GET",route="/api/metrics/costs",status="200"} 1.0'
    assert asked in lines
    assert 'spanledger_service_requests_total{method="GET",route="none",status="404"} 1.0' in lines
