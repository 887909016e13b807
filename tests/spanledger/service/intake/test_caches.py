"""Caches that an app asked, as the service has them from the events on its spans: the same rows, each once."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from sqlalchemy import Engine, select
from tests.support.sending import Taking, attributes, body, exported, span
from tests.support.telemetry import telemetry

from spanledger import caching, scope
from spanledger.config import Settings
from spanledger.ledger import Recorder, database, schema
from spanledger.scope import Scope, inside
from spanledger.semconv import names

ASKED = {
    names.SPANLEDGER_CACHE_EVENT_ID: "one",
    names.SPANLEDGER_CACHE_LAYER: "l1",
    names.SPANLEDGER_CACHE_RESULT: "hit",
    names.SPANLEDGER_CACHE_SAVED: 0.0015,
    names.SPANLEDGER_TENANT_ID: "acme",
}


def rows(engine: Engine) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(select(schema.cache_events)).mappings()]


def telling(said: dict[str, Any], at: float = -1.0) -> Span:
    """A span of an app that asked a cache."""
    made = span({})
    made.events.add(
        name=names.EVENT_SPANLEDGER_CACHE_ASKED,
        time_unix_nano=time.time_ns() + int(at * 10**9),
        attributes=attributes(said),
    )
    return made


def test_an_event_is_the_same_row_whoever_tells_of_it_and_counts_once(tmp_path: Path, taking: Taking) -> None:
    url = f"sqlite://{tmp_path}/own.sqlite"
    made = telemetry(Settings(store="memory:", database_url=url))
    payer = Scope(run="r", stage="plan", tenant="acme")
    with scope.Held(inside(payer)), made.tracer.start_as_current_span("answer"):
        caching.asked(made.calls, "l1", True, saved="0.0015", operation="chat")
        caching.asked(made.calls, "l2", False)
    for _ in range(2):
        taking(exported(made.spans))
    assert isinstance(made.calls.ledger, Recorder)
    made.calls.ledger.drain_now()
    made.runtime.shutdown()
    found = rows(taking.engine)
    assert found == rows(database.engine(url))
    assert [(row["layer"], row["hit"], row["saved"]) for row in found] == [("l1", True, 1_500_000), ("l2", False, None)]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (names.SPANLEDGER_CACHE_EVENT_ID, ""),
        (names.SPANLEDGER_CACHE_LAYER, " "),
        (names.SPANLEDGER_CACHE_RESULT, "perhaps"),
        (names.SPANLEDGER_CACHE_RESULT, ["hit"]),
        (names.SPANLEDGER_CACHE_SAVED, "much"),
        (names.SPANLEDGER_CACHE_SAVED, -1.0),
        (names.SPANLEDGER_CACHE_SAVED, [1.0]),
    ],
)
def test_what_is_no_event_is_passed_over(taking: Taking, key: str, value: Any) -> None:
    taking(body(telling({**ASKED, key: value}), telling({})))
    assert rows(taking.engine) == []


@pytest.mark.parametrize("at", [-(10.0**9), 2 * 86_400.0])
def test_an_event_of_another_age_is_passed_over(taking: Taking, at: float) -> None:
    taking(body(telling(ASKED, at)))
    assert rows(taking.engine) == []


def test_texts_are_no_longer_than_databases_look_up(taking: Taking) -> None:
    taking(body(telling({**ASKED, names.SPANLEDGER_STAGE: "s" * 2000, names.SPANLEDGER_CACHE_LAYER: "L" * 2000})))
    [row] = rows(taking.engine)
    assert (len(row["stage"]), len(row["layer"])) == (256, 64)


def test_a_tenants_token_tells_of_that_tenants_caches_only(taking: Taking) -> None:
    nobodys = {key: value for key, value in ASKED.items() if key != names.SPANLEDGER_TENANT_ID}
    others = {**ASKED, names.SPANLEDGER_CACHE_EVENT_ID: "two", names.SPANLEDGER_TENANT_ID: "globex"}
    taking(body(telling(others), telling({**nobodys, names.SPANLEDGER_CACHE_EVENT_ID: "three"})), "acme")
    assert [(row["id"], row["tenant"]) for row in rows(taking.engine)] == [("three", "acme")]
