"""A token of one tenant sees that tenant alone, on every route there is: they are read off the app, none is named."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import RouteContext, iter_route_contexts
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select
from tests.spanledger.service.conftest import ENTRIES
from tests.support.entries import BEGIN, NANO
from tests.support.serving import BUDGETS, TENANTS, asking, serving, tokens

from spanledger.budget.memory import MemoryStore
from spanledger.budget.register import counters
from spanledger.budget.store import Claim, Counter
from spanledger.ledger import CacheEvent, Charge, Entry, schema
from spanledger.ledger.writes import write
from spanledger.service.access import caller_of
from spanledger.service.tokens import SCOPES
from spanledger.usage import Usage

#: Everybody may see these, and there is nothing of anybody in them.
PUBLIC = {"/healthz", "/readyz", "/sign-in", "/sign-out", "/static/{digest}/{name}"}
#: Where both tenants are to be seen by whoever may.
SHOWING = (
    "/api/metrics/dashboard",
    "/api/calls",
    "/api/runs",
    "/api/runs/shared",
    f"/api/traces/{1:032x}",
    "/api/tenants",
    "/api/budgets",
    "/api/budgets/changes",
    "/api/export",
    "/admin/llm-performance",
)
#: What belongs to one tenant is marked with its name in every text and by its own factor in every number.
FACTORS = {"acme": 1_000_003, "globex": 7_000_001}


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> tuple[FastAPI, dict[str, str]]:
    """A service over calls of two tenants in which every text says whose it is; they share a trace and a run."""
    from spanledger.ledger import database  # noqa: PLC0415
    from spanledger.ledger.migrate import migrate  # noqa: PLC0415

    folder: Path = tmp_path_factory.mktemp("tenants")
    engine = database.engine(f"sqlite://{folder}/calls.sqlite", kept=2)
    migrate(engine)
    write(engine, [call(tenant, number) for tenant in TENANTS for number in range(6)])
    at = BEGIN + NANO
    write(engine, [CacheEvent(tenant, at, f"{tenant}-layer", hit=True, tenant=tenant) for tenant in TENANTS])
    with engine.begin() as connection:
        for tenant in TENANTS:
            mark = {"id": tenant, "at": at, "call": f"{tenant}-0", "name": f"{tenant}-mark", "value": FACTORS[tenant]}
            connection.execute(schema.scores.insert(), mark)
    store = MemoryStore()
    for tenant in TENANTS:
        counter = counters(BUDGETS[4], tenant, "", store.now())[0]
        store.reserve(tenant, [Claim(counter, FACTORS[tenant])], 60)
        store.settle(tenant, [Claim(counter, 1)], (FACTORS[tenant],))
        store.raise_limit(counter, FACTORS[tenant] * 2, reason=f"{tenant} paid", who=tenant)
        store.reserve(f"{tenant}-run", [Claim(Counter("run/run", f"{tenant}-run", f"{tenant}-run"), 1)], 60)
    found, made = tokens(folder, *((tenant, SCOPES, tenant) for tenant in TENANTS), ("all", SCOPES, None))
    return serving(engine, store, found), made


def call(tenant: str, number: int) -> Entry:
    texts: dict[str, Any] = {
        name: f"{tenant}-{name}"
        for name in (
            "operation", "provider", "request", "session", "conversation", "service", "environment", "stage", "agent",
            "node", "workflow", "request_model", "response_model", "tier", "user", "price_version", "hold",
            "error_type", "finish_reason", "prompt_name", "prompt_version", "prompt_hash",
        )
    }  # fmt: skip
    factor = FACTORS[tenant]
    return Entry(
        id=f"{tenant}-{number}", started=BEGIN + number * NANO, ended=BEGIN + number * NANO + factor * 1000,
        tenant=tenant, trace_id=f"{1:032x}", span_id=f"{tenant}-span", run=("shared", f"{tenant}-run")[number % 2],
        usage=Usage(factor, factor), cost=factor, cost_source="local", price_status="priced",
        flags={f"{tenant}-flag": tenant}, charges=(Charge("tenant/total", tenant, "total", "USD", factor),), **texts,
    )  # fmt: skip


def routes(app: FastAPI) -> list[RouteContext]:
    """Every route, those of routers that were included too; what FastAPI adds by itself is only the document."""
    found = [route for route in iter_route_contexts(app.routes) if route.path != "/openapi.json"]
    assert len(found) >= 20
    return found


def words() -> st.SearchStrategy[str]:
    """What may stand in an address or a parameter: things of both tenants, and injections."""
    own = [f"{t}{s}" for t in TENANTS for s in ("", "-0", "-run", "-user", "-stage", "-operation", "-request_model")]
    tricks = ["shared", f"{1:032x}", "", "' OR '1'='1", "acme' OR tenant='globex", "%", "_____", "*", "acme,globex"]
    return st.sampled_from([*own, *tricks])


@st.composite
def requests(draw: st.DrawFn, app: FastAPI) -> tuple[str, str, dict[str, str], dict[str, str]]:
    route = draw(st.sampled_from([route for route in routes(app) if route.path not in PUBLIC]))
    method = draw(st.sampled_from(sorted(route.methods or ())))
    path = re.sub(r"\{[^}]*\}", lambda _: draw(words()).replace("/", "%2F") or "x", str(route.path))
    operation = app.openapi()["paths"].get(str(route.path_format), {}).get(method.lower(), {})
    names = [one["name"] for one in operation.get("parameters", []) if one["in"] == "query"]
    free = [one for one in names if one not in _TYPED]
    chosen = draw(st.lists(st.sampled_from(free), max_size=2, unique=True)) if free else []
    asked = {name: draw(words()) for name in chosen}
    asked |= {name: draw(st.sampled_from(_TYPED[name])) for name in names if name in _TYPED}
    asked = {name: value for name, value in asked.items() if value is not None}
    body = {"name": "tenant/total", "scope_value": draw(st.sampled_from(TENANTS)), "reason": "a test", "to": "9calls"}
    return method, path, asked, body


_WHOLE = {"since": "2026-09-20T00:00:00Z", "until": "2026-09-23T00:00:00Z"}
_TYPED: dict[str, list[Any]] = {
    "since": [_WHOLE["since"]],
    "until": [_WHOLE["until"]],
    "time_window_minutes": [None],
    "days": [None],
    "limit": ["1", "1000"],
    "cursor": [None],
    "status": [None],
    "format": ["csv", "jsonl"],
    "group_by": [None, "tenant", "user", "model", "day"],
}


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), tenant=st.sampled_from(TENANTS))
def test_a_tenant_token_sees_no_other_tenant_on_any_route(
    marked: tuple[FastAPI, dict[str, str]], data: st.DataObject, tenant: str
) -> None:
    app, made = marked
    method, path, asked, body = data.draw(requests(app))
    answer = asking(app, made[tenant]).request(method, path, params=asked, json=body if method == "POST" else None)
    assert answer.status_code < 500, answer.text
    [other] = set(TENANTS) - {tenant}
    said = answer.text.replace(path, "")
    assert other not in said
    assert not re.search(rf"\b{FACTORS[other]}\b", said)
    if answer.status_code == 200 and "cost_nano_usd" in said:
        assert all(int(nano) % FACTORS[tenant] == 0 for nano in re.findall(r'cost_nano_usd":(\d+)', said))


def test_the_same_requests_show_both_tenants_to_whoever_may_see_all(marked: tuple[FastAPI, dict[str, str]]) -> None:
    app, made = marked
    client = asking(app, made["all"])
    for path in SHOWING:
        asked = _WHOLE if "budgets" not in path else {}
        said = client.get(path, params=asked).text
        assert all(tenant in said for tenant in TENANTS), path


def test_every_route_asks_who_is_there(small: Engine) -> None:
    def asks(dependant: Any) -> bool:
        return dependant.call is caller_of or any(asks(one) for one in dependant.dependencies)

    unasked = {route.path for route in routes(serving(small)) if not asks(route.dependant)}
    assert unasked == PUBLIC


@pytest.mark.parametrize("value", ["' OR 1=1 --", '"; DROP TABLE calls; --', "x' UNION SELECT 1 --", "\\", "%", "🎭"])
def test_an_injection_is_a_name_that_nobody_has(small: Engine, value: str) -> None:
    client: TestClient = asking(serving(small))
    begin = {"since": "2026-09-20", "until": "2026-09-25"}
    for name in ("service", "environment", "operation", "stage", "provider", "model", "tenant", "user"):
        assert client.get("/api/calls", params={**begin, name: value}).json()["calls"] == []
        costs = client.get("/api/metrics/costs", params={**begin, name: value}).json()["costs"]
        assert costs["total_cost_nano_usd"] == 0
    for path in ("calls", "runs", "traces"):
        assert client.get(f"/api/{path}/{value.replace('%', '%25').replace('/', '')}").status_code == 404
    with small.connect() as connection:
        assert len(list(connection.execute(select(schema.calls.c.id)))) == len(ENTRIES)
