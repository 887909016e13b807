"""The life of one call: who pays, when it ends, and what its span says then."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from opentelemetry import baggage, context, trace
from opentelemetry.trace import SpanKind
from tests.support.telemetry import BOOK, Telemetry

from spanledger import scope
from spanledger.call import Calls
from spanledger.config import Settings
from spanledger.errors import BudgetExceeded, Refusal
from spanledger.messages import Answer, Request
from spanledger.scope import Scope
from spanledger.semconv import names
from spanledger.usage import Usage

REQUEST = Request("chat", "openai", "gpt-4o-mini", server_address="host", server_port=443)
ANSWER = Answer(Usage(input=100, output=20), "gpt-4o-mini-2024-07-18")


@pytest.fixture
def ticking(telemetry: Telemetry) -> Calls:
    """Calls whose clock goes on by a second whenever it is read."""
    seconds = iter(range(1000))
    return Calls(Settings(), BOOK, telemetry.runtime.lineage, provider=telemetry.provider, clock=lambda: next(seconds))


def found(telemetry: Telemetry) -> dict[str, Any]:
    return telemetry.attributes


def test_a_call_ends_once_whatever_is_said_afterwards(telemetry: Telemetry) -> None:
    call = telemetry.calls.start(REQUEST)
    call.succeed(ANSWER)
    call.fail(RuntimeError("late"))
    call.succeed(Answer())
    assert call.ended
    assert telemetry.one.status.status_code.name == "UNSET"
    assert found(telemetry)[names.GEN_AI_USAGE_INPUT_TOKENS] == 100


def test_of_many_threads_one_ends_the_call(telemetry: Telemetry) -> None:
    call = telemetry.calls.start(REQUEST)
    threads = [threading.Thread(target=call.succeed, args=(ANSWER,)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert telemetry.one
    assert [value for _, value in telemetry.points("spanledger.calls")] == [1]


def test_samplers_see_at_start_what_the_call_asks_for(telemetry: Telemetry) -> None:
    call = telemetry.calls.start(REQUEST)
    attributes = dict(getattr(call.span, "attributes", {}))
    call.succeed(ANSWER)
    assert {names.GEN_AI_OPERATION_NAME, names.GEN_AI_PROVIDER_NAME, names.GEN_AI_REQUEST_MODEL,
            names.SERVER_ADDRESS, names.SERVER_PORT, names.SPANLEDGER_RUN_ID} <= set(attributes)  # fmt: skip


def test_the_scope_at_the_start_pays(telemetry: Telemetry) -> None:
    token = context.attach(scope.inside(Scope(run="r", stage="s", tenant="t", user="u", session="x", request="q")))
    call = telemetry.calls.start(REQUEST)
    context.detach(token)
    call.succeed(ANSWER)
    paid = {k: v for k, v in found(telemetry).items() if k in (
        names.SPANLEDGER_RUN_ID, names.SPANLEDGER_STAGE, names.SPANLEDGER_TENANT_ID, names.USER_ID, names.SESSION_ID,
        names.SPANLEDGER_REQUEST_ID)}  # fmt: skip
    assert sorted(paid.values()) == ["q", "r", "s", "t", "u", "x"]
    assert paid[names.SPANLEDGER_TENANT_ID] == "t"


def test_outside_any_scope_the_process_pays(telemetry: Telemetry) -> None:
    telemetry.calls.start(REQUEST).succeed(ANSWER)
    assert found(telemetry)[names.SPANLEDGER_RUN_ID] == scope.process_run()
    assert found(telemetry)[names.SPANLEDGER_STAGE] == scope.UNATTRIBUTED


def test_within_a_request_the_request_is_the_run(telemetry: Telemetry) -> None:
    for _ in range(2):
        with (
            telemetry.tracer.start_as_current_span("GET /", kind=SpanKind.SERVER),
            telemetry.tracer.start_as_current_span("x"),
        ):
            telemetry.calls.start(REQUEST).succeed(ANSWER)
    first, second = ((span.attributes or {})[names.SPANLEDGER_RUN_ID] for span in telemetry.metered)
    assert first != second
    assert scope.process_run() not in (first, second)


@pytest.mark.parametrize(("trust", "tenant"), [("off", scope.UNATTRIBUTED), ("baggage", "acme")])
def test_baggage_from_outside_counts_where_it_is_trusted(telemetry: Telemetry, trust: str, tenant: str) -> None:
    calls = Calls(Settings(trust=trust), BOOK, telemetry.runtime.lineage, provider=telemetry.provider)
    token = context.attach(baggage.set_baggage(names.SPANLEDGER_TENANT_ID, "acme"))
    calls.start(REQUEST).succeed(ANSWER)
    context.detach(token)
    assert found(telemetry)[names.SPANLEDGER_TENANT_ID] == tenant


def test_while_it_is_active_its_span_is_current_and_our_baggage_gone(telemetry: Telemetry) -> None:
    token = context.attach(baggage.set_baggage("mine", "kept", scope.inside(Scope(tenant="acme"))))
    call = telemetry.calls.start(REQUEST)
    with call.active():
        assert trace.get_current_span() is call.span
        assert baggage.get_all() == {"mine": "kept"}
    assert baggage.get_baggage(names.SPANLEDGER_TENANT_ID) == "acme"
    context.detach(token)
    call.succeed(ANSWER)


def test_time_to_first_chunk_is_that_of_the_first_and_the_rate_counts_from_there(
    telemetry: Telemetry, ticking: Calls
) -> None:
    call = ticking.start(REQUEST)
    call.first_chunk()
    call.first_chunk()
    call.succeed(ANSWER)
    assert found(telemetry)[names.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK] == 1.0
    assert found(telemetry)[names.SPANLEDGER_OUTPUT_RATE] == 20.0


def test_an_estimate_has_no_rate(telemetry: Telemetry) -> None:
    telemetry.calls.start(REQUEST).succeed(Answer(Usage(input=1, output=5, estimated=True)))
    assert names.SPANLEDGER_OUTPUT_RATE not in found(telemetry)


def test_an_error_is_named_and_described_by_its_first_line(telemetry: Telemetry) -> None:
    telemetry.calls.start(REQUEST).fail(ValueError("first\nsecond"))
    assert telemetry.one.status.description == "first"
    assert found(telemetry)[names.ERROR_TYPE] == "ValueError"
    assert names.SPANLEDGER_PRICE_STATUS not in found(telemetry)


def test_a_refused_call_names_the_budget(telemetry: Telemetry) -> None:
    telemetry.calls.start(REQUEST).fail(BudgetExceeded(Refusal("run/run", "exhausted")))
    assert {k: found(telemetry)[k] for k in (names.ERROR_TYPE, names.SPANLEDGER_BUDGET_NAME)} == {
        names.ERROR_TYPE: "spanledger.BudgetExceeded",
        names.SPANLEDGER_BUDGET_NAME: "run/run",
    }


def test_a_call_without_a_model_is_named_by_its_operation_and_unpriced(telemetry: Telemetry) -> None:
    telemetry.calls.start(Request("chat", "openai")).succeed(Answer(Usage(input=1)))
    assert telemetry.one.name == "chat"
    assert found(telemetry)[names.SPANLEDGER_PRICE_STATUS] == "unpriced"


def test_parts_are_priced_one_by_one_so_that_no_sum_of_them_reaches_a_dearer_step(telemetry: Telemetry) -> None:
    parts = (Usage(input=150_000, output=10), Usage(input=150_000, output=10))
    asked = Request("chat", "gcp.gemini", "gemini-2.5-pro")
    telemetry.calls.start(asked).succeed(Answer(parts[0]))
    telemetry.calls.start(asked).succeed(Answer(parts[0] + parts[1], parts=parts))
    one, both = (said[names.GEN_AI_USAGE_COST_AMOUNT] for said in telemetry.said)
    assert both == pytest.approx(2 * one)


def test_parts_without_a_price_are_unpriced_together(telemetry: Telemetry) -> None:
    part = Usage(input=1, output=1)
    telemetry.calls.start(Request("chat", "openai", "house-model")).succeed(Answer(part + part, parts=(part, part)))
    assert found(telemetry)[names.SPANLEDGER_PRICE_STATUS] == "unpriced"
