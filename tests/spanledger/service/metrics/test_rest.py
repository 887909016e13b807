"""Caches, tenants, quality and health as the metrics API tells them."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from tests.spanledger.service.conftest import ENTRIES, EVENTS, LAYERS
from tests.spanledger.service.metrics.conftest import QUESTIONS, SINCE, get, iso, questions
from tests.support import ledger_oracle as oracle
from tests.support.serving import NOW, asking, problem, serving

from spanledger.ledger import database
from spanledger.ledger.migrate import migrate
from spanledger.ledger.questions.queries import GROUPS


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
    alone = get(there, "/api/metrics/quality", **parameters)["quality"]
    assert quality["avg_quality_score"] == pytest.approx(alone["avg_quality_score"])
    for name in ("count", "refinement_rate_percent", "first_pass_acceptance_rate_percent"):
        assert quality[name] == alone[name]
    told = [(one["name"], one["count"], one["min"], one["max"]) for one in quality["scores"]]
    assert told == [(one["name"], one["count"], one["min"], one["max"]) for one in alone["scores"]]


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
