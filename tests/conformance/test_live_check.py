"""All telemetry of a set of scenarios against upstream's names and our registry: no violation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from opentelemetry import context
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.trace import SpanKind
from tests.support import claude, livecheck
from tests.support.asking import EMBED, LEGACY, MODEL, fault, later, said
from tests.support.telemetry import Telemetry

from provider import Provider
from spanledger import scope
from spanledger.errors import BudgetExceeded, Refusal
from spanledger.messages import Request
from spanledger.scope import Prompt, Scope
from spanledger.semconv import names
from spanledger_instrumentation.anthropic import AnthropicAdapter

WHO = Scope(run="r", stage="s", tenant="t", user="u", session="x", request="q", agent="a", workflow="w",
            conversation="c", prompt=Prompt.of("p", 1, "text"))  # fmt: skip


def _calls(client: openai.OpenAI) -> None:
    chat, tools = client.chat.completions, [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    chat.create(model=MODEL, messages=said(), temperature=0, top_p=1, seed=1, n=2, stop="x", frequency_penalty=1,
                presence_penalty=1, max_tokens=9, service_tier="flex", response_format={"type": "text"})  # fmt: skip
    chat.create(model=MODEL, messages=said(), tools=tools, tool_choice="required")  # type: ignore[call-overload]
    chat.create(model="house-model", messages=said())
    list(chat.create(model=MODEL, messages=said(), stream=True))
    chat.create(model=MODEL, messages=said(), stream=True).close()
    list(client.responses.create(model=MODEL, input="Hi", stream=True, max_output_tokens=20))
    client.responses.retrieve(client.responses.create(model=MODEL, input="Hi", background=True).id)
    client.embeddings.create(model=EMBED, input="Hi")
    client.completions.create(model=LEGACY, prompt="Hi")
    client.moderations.create(model="omni-moderation-latest", input="Hi")


def _messages(provider: Provider, key: str, http: httpx2.Client) -> None:
    client = anthropic.Anthropic(base_url=provider.url, api_key=key, max_retries=0, http_client=http)
    ask: dict[str, Any] = {"model": claude.MODEL, "max_tokens": 9, "messages": claude.said()}
    client.messages.create(**ask, stop_sequences=["x"], extra_body={"temperature": 0, "top_p": 1, "top_k": 5})
    list(client.messages.create(**ask, stream=True))
    batch = client.messages.batches.create(requests=[{"custom_id": "a", "params": ask}])  # type: ignore[typeddict-item]
    list(client.messages.batches.results(client.messages.batches.retrieve(batch.id).id))
    for name in ("429", "stream_error"):
        with suppress(anthropic.APIStatusError):
            list(client.messages.create(**ask | {"messages": claude.fault(name)}, stream=True))


def _failures(client: openai.OpenAI) -> None:
    for name in ("400", "429", "disconnect", "usage_negative", "usage_words", "wrong_shape", "model_null"):
        for stream in (False, True):
            with suppress(Exception):
                answer = client.chat.completions.create(model=MODEL, messages=fault(name), stream=stream)
                list(answer)
    text = "<<fault=429 times=1 retry_after=0.01>> x"
    client.with_options(max_retries=1).chat.completions.create(model=MODEL, messages=said(text))


@pytest.fixture
def produced(
    metered: Telemetry, client: openai.OpenAI, provider: Provider, key: str, http: httpx2.Client
) -> Iterator[Telemetry]:
    """Everything that the scenarios produce."""
    adapter = AnthropicAdapter(metered.calls)
    adapter.install()
    held = scope.Held(scope.inside(WHO))
    with metered.tracer.start_as_current_span("POST /ask", kind=SpanKind.SERVER):
        agent = {names.GEN_AI_OPERATION_NAME: "invoke_agent", names.GEN_AI_AGENT_NAME: "a"}
        with metered.tracer.start_as_current_span("invoke_agent a", attributes=agent):
            _calls(client)
            _messages(provider, key, http)
        _failures(client)
    held.release()
    refused = metered.calls.start(Request("chat", "openai", MODEL))
    refused.fail(BudgetExceeded(Refusal("run/run", "exhausted")))

    async def cancelled(asking: openai.AsyncOpenAI) -> None:
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asking.chat.completions.create(model=MODEL, messages=fault("timeout")), 0.05)

    later(provider, key, cancelled)
    yield metered
    adapter.uninstall()


def test_there_is_no_violation_in_all_that_is_produced(produced: Telemetry) -> None:
    spans, metrics = produced.spans, produced.metrics()
    assert len(spans) > 25
    assert {"gen_ai.client.token.usage", "spanledger.cost", "spanledger.calls", "agent.invocations"} <= set(metrics)
    assert livecheck.check(spans, metrics.values()) == []


def test_no_label_holds_a_run_a_session_or_a_user(produced: Telemetry) -> None:
    forbidden = {names.SPANLEDGER_RUN_ID, names.SESSION_ID, names.USER_ID, names.SPANLEDGER_REQUEST_ID,
                 names.SPANLEDGER_CALL_ID, names.GEN_AI_RESPONSE_ID, names.GEN_AI_CONVERSATION_ID}  # fmt: skip
    labels = {label for m in produced.metrics().values() for p in m.data.data_points for label in (p.attributes or {})}
    assert not labels & forbidden


def test_tokens_and_cost_of_spans_and_metrics_are_the_same(produced: Telemetry) -> None:
    spans = produced.said
    cost = sum(span.get(names.GEN_AI_USAGE_COST_AMOUNT, 0) for span in spans)
    assert sum(v for _, v in produced.points("spanledger.cost")) == pytest.approx(cost, abs=1e-12)
    assert sum(v for _, v in produced.points("spanledger.calls")) == len(spans)
    tokens = produced.points("gen_ai.client.token.usage")
    for kind, name in (("input", names.GEN_AI_USAGE_INPUT_TOKENS), ("output", names.GEN_AI_USAGE_OUTPUT_TOKENS)):
        counted = sum(value for labels, value in tokens if labels[names.GEN_AI_TOKEN_TYPE] == kind)
        assert counted == sum(span.get(name, 0) for span in spans)


GOOD = {names.GEN_AI_OPERATION_NAME: "chat", names.GEN_AI_PROVIDER_NAME: "openai", names.SPANLEDGER_CALL_ID: "1"}
PLANTED: list[tuple[dict[str, Any], str]] = [
    ({**GOOD, "gen_ai.is_streaming": True}, "in no registry"),
    ({**GOOD, "spanledger.surprise": 1}, "in no registry"),
    ({**GOOD, names.GEN_AI_USAGE_INPUT_TOKENS: "100"}, "must be int"),
    ({**GOOD, names.GEN_AI_USAGE_COST_AMOUNT: 1}, "must be double"),
    ({**GOOD, names.GEN_AI_RESPONSE_FINISH_REASONS: 7}, "must be string[]"),
    ({**GOOD, names.SPANLEDGER_PRICE_STATUS: "free"}, "has no value"),
    ({k: v for k, v in GOOD.items() if k != names.GEN_AI_PROVIDER_NAME}, "is missing"),
]


@pytest.mark.parametrize(("attributes", "violation"), PLANTED)
def test_the_check_finds_a_fault_on_a_span(telemetry: Telemetry, attributes: dict[str, Any], violation: str) -> None:
    telemetry.tracer.start_span("chat x", context.Context(), attributes=attributes).end()
    (found,) = livecheck.check(telemetry.spans, [])
    assert violation in found


METRICS: list[tuple[Callable[[Any], Any], str]] = [
    (lambda m: m.create_counter("llm.tokens").add(1), "is in no registry"),
    (lambda m: m.create_counter("spanledger.cost", "EUR").add(1, GOOD), "unit 'EUR'"),
    (lambda m: m.create_up_down_counter("spanledger.calls", "{call}").add(1, GOOD), "must be a counter"),
    (lambda m: m.create_histogram("gen_ai.client.operation.duration", "s").record(1), "is missing"),
]


@pytest.mark.parametrize(("record", "violation"), METRICS)
def test_the_check_finds_a_fault_in_a_metric(record: Callable[[Any], Any], violation: str) -> None:
    reader = InMemoryMetricReader()
    meters = MeterProvider([reader], shutdown_on_exit=False)
    record(meters.get_meter("planted"))
    data = reader.get_metrics_data()
    assert data is not None
    found = [m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics]
    assert any(violation in told for told in livecheck.check([], found))


def test_the_check_finds_an_unknown_event(telemetry: Telemetry) -> None:
    span = telemetry.tracer.start_span("x", context.Context())
    span.add_event("surprise")
    span.end()
    assert livecheck.check(telemetry.spans, []) == ["span 'x': event surprise is in no registry"]
