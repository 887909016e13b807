"""Events of caches: on the span, in the metric and in the ledger, for whoever pays where the cache was asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select
from tests.support.telemetry import Telemetry, telemetry

import spanledger
from spanledger import caching, scope
from spanledger.config import Settings
from spanledger.ledger import CacheEvent, Recorder, database, schema
from spanledger.ledger.questions import caches
from spanledger.ledger.questions.filters import Filter, Window
from spanledger.pipeline.start import _Current
from spanledger.scope import Scope, inside
from spanledger.semconv import names

PAYER = Scope(run="r", stage="plan", tenant="acme")
ALWAYS = Window(0, 2**33 // 60 * 60)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return database.engine(f"sqlite://{tmp_path}/calls.sqlite")


@pytest.fixture
def kept(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Telemetry]:
    """The runtime of this process, with a ledger."""
    made = telemetry(Settings(store="memory:", database_url=f"sqlite://{engine.url.database}"))
    monkeypatch.setattr(_Current, "runtime", made.runtime)
    yield made
    made.runtime.shutdown()


def drained(kept: Telemetry) -> None:
    """Everything has come to the ledger, however busy the machine is."""
    assert isinstance(kept.calls.ledger, Recorder)
    kept.calls.ledger.drain_now()


def rows(engine: Engine) -> list[dict[str, Any]]:
    with database.reading(engine) as connection:
        return [dict(row) for row in connection.execute(select(schema.cache_events)).mappings()]


def test_an_event_is_a_row_for_whoever_pays_where_the_cache_was_asked(kept: Telemetry, engine: Engine) -> None:
    with scope.Held(inside(PAYER)):
        spanledger.cache_event("L1", True, saved="0.0015", operation="chat", id="one")
    drained(kept)
    [row] = rows(engine)
    assert row.pop("at") > 0
    assert row == {
        "id": "one",
        "layer": "l1",
        "hit": True,
        "run": "r",
        "operation": "chat",
        "stage": "plan",
        "tenant": "acme",
        "saved": 1_500_000,
    }


def test_told_twice_under_one_id_it_counts_once_and_without_one_each_time(kept: Telemetry, engine: Engine) -> None:
    for _ in range(2):
        spanledger.cache_event("l2", False, id="same")
        spanledger.cache_event("prompt", True)
    drained(kept)
    with database.reading(engine) as connection:
        found = caches.hits(connection, ALWAYS)
    assert {layer: (hits.hits, hits.misses) for layer, hits in found.items()} == {"l2": (0, 1), "prompt": (2, 0)}


def test_events_answer_for_the_stage_that_asked(kept: Telemetry, engine: Engine) -> None:
    with scope.Held(inside(PAYER)):
        spanledger.cache_event("l1", True)
    spanledger.cache_event("l1", False)
    drained(kept)
    with database.reading(engine) as connection:
        assert caches.hits(connection, ALWAYS, Filter(stage="plan"))["l1"].rate == 1.0


def test_the_span_around_carries_the_event(kept: Telemetry) -> None:
    with scope.Held(inside(PAYER)), kept.tracer.start_as_current_span("answer"):
        spanledger.cache_event("l1", True, saved=Decimal("0.25"), operation="chat", id="one")
    [span] = kept.spans
    [event] = span.events
    assert event.name == names.EVENT_SPANLEDGER_CACHE_ASKED
    assert dict(event.attributes or {}) == {
        names.SPANLEDGER_CACHE_EVENT_ID: "one",
        names.SPANLEDGER_CACHE_LAYER: "l1",
        names.SPANLEDGER_CACHE_RESULT: "hit",
        names.SPANLEDGER_CACHE_SAVED: 0.25,
        names.SPANLEDGER_RUN_ID: "r",
        names.SPANLEDGER_STAGE: "plan",
        names.SPANLEDGER_TENANT_ID: "acme",
        names.GEN_AI_OPERATION_NAME: "chat",
    }


def test_the_metric_counts_by_layer_and_result(kept: Telemetry) -> None:
    with scope.Held(inside(PAYER)):
        for hit in (True, True, False):
            spanledger.cache_event("l1", hit)
    found = {
        (labels[names.SPANLEDGER_CACHE_LAYER], labels[names.SPANLEDGER_CACHE_RESULT], labels[names.SPANLEDGER_STAGE]): n
        for labels, n in kept.points(names.METRIC_SPANLEDGER_CACHE_EVENTS[0])
    }
    assert found == {("l1", "hit", "plan"): 2, ("l1", "miss", "plan"): 1}


@pytest.mark.parametrize(("layer", "saved"), [(" ", None), ("l1", "much"), ("l1", -1), ("l1", float("nan"))])
def test_what_cannot_be_an_event_hurts_nobody_and_is_counted(
    kept: Telemetry, engine: Engine, failures: Counter[tuple[str, str]], layer: str, saved: Any
) -> None:
    spanledger.cache_event(layer, True, saved=saved)
    kept.runtime.shutdown()
    spanledger.cache_event("l1", True)  # nobody listens any more
    assert sum(count for (part, _), count in failures.items() if part == "cache") == 1
    assert not Path(str(engine.url.database)).exists()


def test_a_call_says_that_a_cache_was_asked_in_vain_only_while_that_question_is_answered() -> None:
    seen = [caching.state()]
    with caching.lookup():
        seen.append(caching.state())
        caching.missed()
        seen.append(caching.state())
    caching.missed()
    assert [*seen, caching.state()] == [None, None, "miss", None]


def test_an_event_survives_its_line_and_what_a_later_version_adds() -> None:
    event = CacheEvent("i", 7, "l1", hit=False, tenant="acme\N{SNOWMAN}")
    line = event.line()
    assert CacheEvent.read(line) == event
    assert CacheEvent.read(line.replace(b'"at":7', b'"at":7,"new":1')) == event
