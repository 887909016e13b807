"""The metrics of the contract: their values, caps, exemplars, and what a fork makes of them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from opentelemetry import context
from opentelemetry.sdk.metrics.export import AggregationTemporality
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from tests.support.telemetry import Telemetry
from tests.support.telemetry import telemetry as new_telemetry

from spanledger.errors import contained
from spanledger.messages import Answer, Request
from spanledger.pipeline import meters
from spanledger.pipeline.tally import OTHER, Capped
from spanledger.scope import Scope
from spanledger.scope import inside as scope_inside
from spanledger.semconv import names
from spanledger.usage import Usage

ANSWER = Answer(Usage(input=100, output=20), "gpt-4o-mini-2024-07-18")
STANDARD = {
    names.GEN_AI_OPERATION_NAME: "chat",
    names.GEN_AI_PROVIDER_NAME: "openai",
    names.GEN_AI_REQUEST_MODEL: "gpt-4o-mini",
    names.GEN_AI_RESPONSE_MODEL: "gpt-4o-mini-2024-07-18",
}
SERVER = {names.SERVER_ADDRESS: "host", names.SERVER_PORT: 443}
OURS = {**STANDARD, names.SPANLEDGER_STAGE: "unattributed", names.SPANLEDGER_TENANT_ID: "unattributed"}


def request(model: str = "gpt-4o-mini", operation: str = "chat") -> Request:
    return Request(operation, "openai", model, "host", 443)


def test_a_call_is_counted_in_tokens_cost_and_time(telemetry: Telemetry) -> None:
    call = telemetry.calls.start(request())
    call.first_chunk()
    call.succeed(ANSWER)
    assert telemetry.points("gen_ai.client.token.usage") == [
        ({**STANDARD, **SERVER, names.GEN_AI_TOKEN_TYPE: "input"}, 100),
        ({**STANDARD, **SERVER, names.GEN_AI_TOKEN_TYPE: "output"}, 20),
    ]
    assert telemetry.points("spanledger.cost") == [(OURS, pytest.approx(27e-6))]
    assert telemetry.points("spanledger.calls") == [(OURS, 1)]
    for name in ("gen_ai.client.operation.duration", "gen_ai.client.operation.time_to_first_chunk"):
        ((labels, seconds),) = telemetry.points(name)
        assert labels == STANDARD | SERVER
        assert 0 < seconds < 5


def test_a_failed_call_is_counted_by_its_error(telemetry: Telemetry) -> None:
    telemetry.calls.start(request()).fail(ValueError("x"))
    ((labels, count),) = telemetry.points("spanledger.calls")
    assert (labels[names.ERROR_TYPE], count) == ("ValueError", 1)
    ((labels, _),) = telemetry.points("gen_ai.client.operation.duration")
    assert labels[names.ERROR_TYPE] == "ValueError"
    assert telemetry.points("spanledger.unpriced_calls") == []


def test_embeddings_have_no_output_tokens(telemetry: Telemetry) -> None:
    telemetry.calls.start(request("text-embedding-3-small", "embeddings")).succeed(Answer(Usage(input=8)))
    assert [labels[names.GEN_AI_TOKEN_TYPE] for labels, _ in telemetry.points("gen_ai.client.token.usage")] == ["input"]


def test_rate_limits_are_shown_as_last_told(telemetry: Telemetry) -> None:
    for left in (9, 7):
        call = telemetry.calls.start(request())
        call.limits({names.SPANLEDGER_RATELIMIT_REMAINING_REQUESTS: left,
                     names.SPANLEDGER_RATELIMIT_REMAINING_TOKENS: left * 10})  # fmt: skip
        call.succeed(ANSWER)
    whose = {names.GEN_AI_PROVIDER_NAME: "openai", names.GEN_AI_REQUEST_MODEL: "gpt-4o-mini"}
    assert telemetry.points("spanledger.ratelimit.remaining.requests") == [(whose, 7)]
    assert telemetry.points("spanledger.ratelimit.remaining.tokens") == [(whose, 70)]


def test_our_own_failures_are_a_metric(telemetry: Telemetry, failures: Counter[tuple[str, str]]) -> None:
    with contained("part"):
        raise LookupError
    labels = {names.SPANLEDGER_COMPONENT: "part", names.ERROR_TYPE: "LookupError"}
    assert telemetry.points("spanledger.errors") == [(labels, 1)]


def test_what_runs_is_told_once(telemetry: Telemetry) -> None:
    assert telemetry.points("app.info") == [({names.SERVICE_NAME: "tests"}, 1)]


def test_a_label_has_so_many_values_and_then_other() -> None:
    capped = Capped(2)
    assert [capped(value) for value in ("a", "b", "c", "a", "d")] == ["a", "b", OTHER, "a", OTHER]


def test_models_stages_and_tenants_are_capped(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MODELS", "STAGES", "TENANTS"):
        monkeypatch.setattr(meters, name, 3)
    made = new_telemetry()
    for number in range(9):
        token = context.attach(scope_inside(Scope(stage=f"s{number}", tenant=f"t{number}")))
        made.calls.start(request(f"model-{number}")).succeed(Answer(Usage(input=1)))
        context.detach(token)
    points = made.points("spanledger.calls")
    for name in (names.GEN_AI_REQUEST_MODEL, names.SPANLEDGER_STAGE, names.SPANLEDGER_TENANT_ID):
        assert len({labels[name] for labels, _ in points}) == 4
    assert sum(count for _, count in points) == 9
    made.runtime.shutdown()


def exemplars(telemetry: Telemetry, name: str) -> list[Any]:
    metric = telemetry.metrics()[name]
    return [exemplar for point in metric.data.data_points for exemplar in getattr(point, "exemplars", ())]


@pytest.mark.parametrize("name", ["spanledger.cost", "gen_ai.client.token.usage", "gen_ai.client.operation.duration"])
def test_an_exemplar_leads_to_the_span_of_the_call(telemetry: Telemetry, name: str) -> None:
    telemetry.calls.start(request()).succeed(ANSWER)
    where = telemetry.one.context
    assert where is not None
    found = exemplars(telemetry, name)
    assert found
    assert {(e.trace_id, e.span_id) for e in found} == {(where.trace_id, where.span_id)}


def test_a_span_that_is_not_sampled_is_no_exemplar() -> None:
    made = new_telemetry(sampler=ALWAYS_OFF)
    made.calls.start(request()).succeed(ANSWER)
    assert exemplars(made, "spanledger.cost") == []
    made.runtime.shutdown()


def test_many_calls_are_measured_without_a_reader_asking(telemetry: Telemetry) -> None:
    for _ in range(meters.BATCH * 2 + 1):
        telemetry.calls.start(request()).succeed(ANSWER)
    assert telemetry.points("spanledger.calls") == [(OURS, meters.BATCH * 2 + 1)]


def test_a_failure_to_measure_one_call_does_not_lose_the_others(
    telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch, failures: Counter[tuple[str, str]]
) -> None:
    telemetry.calls.start(request()).succeed(Answer(Usage(input=1), model=["odd"]))  # type: ignore[arg-type]
    telemetry.calls.start(request()).succeed(ANSWER)
    assert (OURS, 1) in telemetry.points("spanledger.calls")
    assert sum(failures.values()) >= 1


def test_counters_are_cumulative(telemetry: Telemetry) -> None:
    telemetry.calls.start(request()).succeed(ANSWER)
    data: Any = telemetry.metrics()["spanledger.cost"].data
    assert data.aggregation_temporality is AggregationTemporality.CUMULATIVE
    assert data.is_monotonic
