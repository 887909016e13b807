"""What stands on a covered span as exported: its usage moves aside, or is kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.trace import SpanKind
from tests.support.foreign import ANSWER, COST, REQUEST, once
from tests.support.telemetry import Telemetry, whole
from tests.support.telemetry import telemetry as new_telemetry

from spanledger.config import Settings
from spanledger.semconv import names

DIALECTS: dict[str, Any] = {
    "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.output_tokens": 20,
    "gen_ai.usage.total_tokens": 120,
    "gen_ai.usage.prompt_tokens": 100,
    "gen_ai.usage.cache_creation.input_tokens": 0,
    "gen_ai.usage.cost": 0.5,
    "gen_ai.usage.cost.amount": 0.5,
    "gen_ai.usage.cost.currency": "USD",
    "llm.usage.total_tokens": 120,
    "llm.token_count.prompt": 100,
    "llm.cost.total": 0.5,
}
STAYS: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "gpt-4o-mini",
    "llm.request.type": "chat",
}


@pytest.fixture
def keeping() -> Iterator[Telemetry]:
    made = new_telemetry(Settings(covered="keep"))
    yield made
    made.runtime.shutdown()


def repeat(made: Telemetry) -> dict[str, Any]:
    """A covered span in every dialect, whole."""
    tracer = made.provider.get_tracer("library")
    with tracer.start_as_current_span("foreign", kind=SpanKind.CLIENT, attributes={**STAYS, **DIALECTS}):
        made.calls.start(REQUEST).succeed(ANSWER)
    (span,) = (span for span in made.spans if span.name == "foreign")
    return whole(span)


SAID = {"spanledger.covered.by": "around", "spanledger.cost.subtree": COST}
WHOLE = {"name": "foreign", "kind": "CLIENT", "status": "UNSET", "events": []}


def test_usage_and_cost_in_every_dialect_move_aside(telemetry: Telemetry) -> None:
    moved = {f"spanledger.covered.{key}": value for key, value in DIALECTS.items()}
    assert repeat(telemetry) == {**WHOLE, "attributes": {**STAYS, **moved, **SAID}}


def test_with_keep_usage_stays_and_is_counted_once_all_the_same(keeping: Telemetry) -> None:
    assert repeat(keeping) == {**WHOLE, "attributes": {**STAYS, **DIALECTS, **SAID}}
    assert once(keeping)


def test_the_call_itself_stays_as_it_is(telemetry: Telemetry) -> None:
    repeat(telemetry)
    assert telemetry.attributes[names.GEN_AI_USAGE_INPUT_TOKENS] == 100
    assert not any(key.startswith("spanledger.covered") for key in telemetry.attributes)
