"""The stages of the chain, each by what it makes of a span: Enforce, Price, Record, and the sampler beside them."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry import context
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanKind, Status, StatusCode
from tests.support.telemetry import Telemetry
from tests.support.telemetry import telemetry as new_telemetry

from spanledger import scope
from spanledger.config import Settings
from spanledger.messages import Answer, Request
from spanledger.pipeline.sampler import RecordAll
from spanledger.scope import Scope
from spanledger.semconv import names
from spanledger.usage import Usage

REQUEST = Request("chat", "openai", "gpt-4o-mini")
#: Worth 0.000027 USD.
ANSWER = Answer(Usage(input=100, output=20))
FOREIGN: dict[str, Any] = {
    names.GEN_AI_OPERATION_NAME: "chat",
    names.GEN_AI_PROVIDER_NAME: "openai",
    names.GEN_AI_REQUEST_MODEL: "gpt-4o-mini",
    names.GEN_AI_USAGE_INPUT_TOKENS: 100,
    names.GEN_AI_USAGE_OUTPUT_TOKENS: 20,
}


def attributes(telemetry: Telemetry, name: str) -> dict[str, Any]:
    (span,) = (span for span in telemetry.spans if span.name == name)
    return dict(span.attributes or {})


def foreign(
    telemetry: Telemetry, more: dict[str, Any] | None = None, kind: SpanKind = SpanKind.CLIENT
) -> dict[str, Any]:
    span = telemetry.tracer.start_span("foreign", context.Context(), kind, {**FOREIGN, **(more or {})})
    span.end()
    return attributes(telemetry, "foreign")


def test_a_foreign_call_is_priced_on_a_copy(telemetry: Telemetry) -> None:
    found = foreign(telemetry)
    assert found[names.GEN_AI_USAGE_COST_AMOUNT] == pytest.approx(27e-6)
    assert found[names.SPANLEDGER_PRICE_STATUS] == "priced"
    assert [value for _, value in telemetry.points("spanledger.cost")] == [pytest.approx(27e-6)]


def test_a_foreign_call_of_an_unknown_model_says_so(telemetry: Telemetry) -> None:
    found = foreign(telemetry, {names.GEN_AI_REQUEST_MODEL: "house-model"})
    assert found[names.SPANLEDGER_PRICE_STATUS] == "unpriced"
    assert names.GEN_AI_USAGE_COST_AMOUNT not in found
    assert [value for _, value in telemetry.points("spanledger.unpriced_calls")] == [1]


@pytest.mark.parametrize(
    ("cost", "counted"),
    [
        ({names.GEN_AI_USAGE_COST_AMOUNT: 0.5}, [0.5]),
        ({names.GEN_AI_USAGE_COST_AMOUNT: 0.5, names.GEN_AI_USAGE_COST_CURRENCY: "EUR"}, []),
        ({names.GEN_AI_USAGE_COST_AMOUNT: float("nan")}, []),
    ],
    ids=["in USD", "in another currency", "no amount"],
)
def test_a_foreign_call_that_tells_its_cost_keeps_it_and_is_counted_at_it(
    telemetry: Telemetry, cost: dict[str, Any], counted: list[float]
) -> None:
    found = foreign(telemetry, cost)
    assert found.keys() == {**FOREIGN, **cost, names.SPANLEDGER_RUN_ID: ""}.keys()
    assert [value for _, value in telemetry.points("spanledger.cost")] == counted
    assert [value for _, value in telemetry.points("spanledger.calls")] == [1]


ZEROS = [names.GEN_AI_USAGE_COST_AMOUNT, "gen_ai.usage.cost", "llm.cost.total"]


@pytest.mark.parametrize("zero", ZEROS)
def test_a_foreign_call_that_tells_a_cost_of_0_is_priced_by_us(telemetry: Telemetry, zero: str) -> None:
    found = foreign(telemetry, {zero: 0.0})
    assert found[names.GEN_AI_USAGE_COST_AMOUNT] == pytest.approx(27e-6)
    assert [value for _, value in telemetry.points("spanledger.cost")] == [pytest.approx(27e-6)]


@pytest.mark.parametrize("zero", ZEROS)
def test_a_cost_of_0_for_an_unknown_model_is_unknown(telemetry: Telemetry, zero: str) -> None:
    found = foreign(telemetry, {names.GEN_AI_REQUEST_MODEL: "house-model", zero: 0.0})
    assert found[names.SPANLEDGER_PRICE_STATUS] == "unpriced"
    assert names.GEN_AI_USAGE_COST_AMOUNT not in found
    assert telemetry.points("spanledger.cost") == []
    assert [value for _, value in telemetry.points("spanledger.unpriced_calls")] == [1]


def test_a_foreign_call_is_one_whatever_kind_of_span_its_library_makes(telemetry: Telemetry) -> None:
    found = foreign(telemetry, kind=SpanKind.INTERNAL)
    assert found[names.GEN_AI_USAGE_COST_AMOUNT] == pytest.approx(27e-6)
    assert names.SPANLEDGER_USAGE_ESTIMATED not in found


def test_a_foreign_span_without_usage_is_left_alone(telemetry: Telemetry) -> None:
    given = {names.GEN_AI_OPERATION_NAME: "execute_tool"}
    telemetry.tracer.start_span("tool", context.Context(), SpanKind.INTERNAL, given).end()
    assert attributes(telemetry, "tool") == given
    assert telemetry.points("spanledger.calls") == []


def test_a_foreign_agent_that_counts_is_an_execution_with_its_own_tokens(telemetry: Telemetry) -> None:
    agent = {names.GEN_AI_OPERATION_NAME: "invoke_agent", names.GEN_AI_AGENT_NAME: "planner"}
    foreign(telemetry, agent, SpanKind.INTERNAL)
    label = {names.GEN_AI_AGENT_NAME: "planner"}
    assert telemetry.points("agent.tokens") == [(label, 120)]
    assert telemetry.points("agent.active_executions") == [(label, 0)]


def test_every_span_around_a_call_says_what_settled_below_it(telemetry: Telemetry) -> None:
    with telemetry.tracer.start_as_current_span("GET /", kind=SpanKind.SERVER):
        with telemetry.tracer.start_as_current_span("stage"):
            telemetry.calls.start(REQUEST).succeed(ANSWER)
            telemetry.calls.start(REQUEST).succeed(ANSWER)
        with telemetry.tracer.start_as_current_span("other"):
            pass
        telemetry.calls.start(REQUEST).succeed(ANSWER)
    cost = names.SPANLEDGER_COST_SUBTREE
    assert attributes(telemetry, "GET /")[cost] == pytest.approx(81e-6)
    assert attributes(telemetry, "stage")[cost] == pytest.approx(54e-6)
    assert cost not in attributes(telemetry, "other")
    assert len(telemetry.runtime.lineage) == 0


def test_a_request_begins_a_run_unless_one_is_named(telemetry: Telemetry) -> None:
    with telemetry.tracer.start_as_current_span("own", kind=SpanKind.CONSUMER):
        telemetry.calls.start(REQUEST).succeed(ANSWER)
    held = scope.Held(scope.inside(Scope(run="named")))
    with telemetry.tracer.start_as_current_span("named", kind=SpanKind.SERVER):
        telemetry.calls.start(REQUEST).succeed(ANSWER)
    held.release()
    own, named = telemetry.metered
    entry = next(span for span in telemetry.spans if span.name == "own").context
    assert entry is not None
    assert (own.attributes or {})[names.SPANLEDGER_RUN_ID] == f"{entry.trace_id:032x}-{entry.span_id:016x}"
    assert (named.attributes or {})[names.SPANLEDGER_RUN_ID] == "named"


@pytest.mark.parametrize(
    "sampler", [ALWAYS_OFF, ParentBased(ALWAYS_OFF), TraceIdRatioBased(0.0)], ids=["off", "parent", "ratio"]
)
def test_what_is_not_sampled_is_accounted_for_and_not_exported(sampler: Any) -> None:
    made = new_telemetry(sampler=sampler)
    with made.tracer.start_as_current_span("GET /", context.Context(), SpanKind.SERVER):
        made.calls.start(REQUEST).succeed(ANSWER)
    assert made.spans == []
    assert [value for _, value in made.points("spanledger.cost")] == [pytest.approx(27e-6)]
    assert len(made.runtime.lineage) == 0
    made.runtime.shutdown()


def test_the_sampler_names_the_one_it_wraps() -> None:
    assert RecordAll(ALWAYS_OFF).get_description() == "RecordAll(AlwaysOffSampler)"


def agent(telemetry: Telemetry, status: Status | None = None, **more: str) -> None:
    given = {names.GEN_AI_OPERATION_NAME: "invoke_agent", names.GEN_AI_AGENT_NAME: "planner", **more}
    with telemetry.tracer.start_as_current_span("invoke_agent planner", attributes=given) as span:
        telemetry.calls.start(REQUEST).succeed(ANSWER)
        if status is not None:
            span.set_status(status)


def test_an_agent_is_counted_with_the_tokens_below_it(telemetry: Telemetry) -> None:
    agent(telemetry)
    label = {names.GEN_AI_AGENT_NAME: "planner"}
    assert telemetry.points("agent.invocations") == [(label, 1)]
    assert telemetry.points("agent.tokens") == [(label, 120)]
    assert telemetry.points("agent.prompt_tokens") == [(label, 100)]
    assert telemetry.points("agent.completion_tokens") == [(label, 20)]
    assert telemetry.points("agent.active_executions") == [(label, 0)]


@pytest.mark.parametrize(
    ("error", "status"),
    [(None, "completed"), ("ValueError", "failed"), ("openai.APITimeoutError", "timeout"), ("TimeoutError", "timeout")],
)
def test_an_agent_ends_completed_failed_or_timed_out(telemetry: Telemetry, error: str | None, status: str) -> None:
    agent(telemetry, Status(StatusCode.ERROR), **{names.ERROR_TYPE: error}) if error else agent(telemetry)
    ((labels, _),) = telemetry.points("agent.invocations_by_status")
    assert labels[names.STATUS] == status


def test_a_running_agent_is_active(telemetry: Telemetry) -> None:
    given = {names.GEN_AI_OPERATION_NAME: "invoke_agent", names.GEN_AI_AGENT_NAME: "planner"}
    with telemetry.tracer.start_as_current_span("invoke_agent planner", attributes=given):
        assert telemetry.points("agent.active_executions") == [({names.GEN_AI_AGENT_NAME: "planner"}, 1)]


def test_without_redaction_the_chain_is_shorter_and_works() -> None:
    made = new_telemetry(Settings(redact=False))
    made.tracer.start_span("x", attributes={"note": "sk-0123456789abcdefghij"}).end()
    assert (made.spans[0].attributes or {})["note"] == "sk-0123456789abcdefghij"
    made.runtime.shutdown()
