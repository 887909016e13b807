"""Message batches: submitted without usage, metered at batch rates when their results are read, each once."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import anthropic
import pytest
from anthropic import AsyncAnthropic
from tests.support.claude import COST, DATED, MODEL, USAGE, later, said
from tests.support.telemetry import Telemetry

import spanledger
from provider import Provider
from spanledger.scope import Scope
from spanledger.semconv import names
from spanledger_instrumentation.anthropic.batches import MemoryBatches


def request(name: str, text: str = USAGE, model: str = MODEL) -> Any:
    return {"custom_id": name, "params": {"model": model, "max_tokens": 100, "messages": said(text)}}


def submitted(client: anthropic.Anthropic, *requests: Any) -> str:
    """The id of a batch that is done."""
    batch = client.messages.batches.create(requests=requests)
    return client.messages.batches.retrieve(batch.id).id


def test_a_batch_that_is_submitted_and_looked_at_is_not_metered(
    client: anthropic.Anthropic, metered: Telemetry
) -> None:
    submitted(client, request("a"))
    assert metered.spans == []


def test_its_results_are_one_call_at_batch_rates_with_the_tokens_of_the_bill(
    client: anthropic.Anthropic, metered: Telemetry, provider: Provider, key: str
) -> None:
    batch = submitted(client, request("a"), request("b"), request("c", "<<fault=400>> no"))
    seen = [result.result.type for result in client.messages.batches.results(batch)]
    assert seen == ["succeeded", "succeeded", "errored"]
    found = metered.attributes
    assert found[names.GEN_AI_USAGE_INPUT_TOKENS] == provider.bill(key)["input_tokens"] == 200
    assert found[names.GEN_AI_USAGE_OUTPUT_TOKENS] == provider.bill(key)["output_tokens"] == 40
    assert found[names.GEN_AI_USAGE_COST_AMOUNT] == pytest.approx(COST)  # twice, at half the price
    assert found[names.GEN_AI_RESPONSE_MODEL] == DATED
    assert found[names.SPANLEDGER_BATCH_ID] == batch
    assert found[names.SPANLEDGER_BATCH_RESULTS] == 2


def test_results_that_are_read_again_are_not_metered_again(client: anthropic.Anthropic, metered: Telemetry) -> None:
    batch = submitted(client, request("a"))
    for _ in range(3):
        list(client.messages.batches.results(batch))
    assert len(metered.metered) == 1


def test_each_result_is_metered_once_when_the_first_reading_broke_off(
    client: anthropic.Anthropic, metered: Telemetry
) -> None:
    batch = submitted(client, *(request(str(n), "<<input=10 output=1 gap_ms=20>> x") for n in range(5)))
    for _ in client.messages.batches.results(batch):
        break
    gc.collect()
    list(client.messages.batches.results(batch))
    assert sum(found[names.GEN_AI_USAGE_INPUT_TOKENS] for found in metered.said) == 50


def test_every_model_of_a_batch_is_a_call_of_its_own(client: anthropic.Anthropic, metered: Telemetry) -> None:
    batch = submitted(client, request("a"), request("b", model="claude-opus-4-5"))
    list(client.messages.batches.results(batch))
    priced = {found[names.GEN_AI_RESPONSE_MODEL]: found[names.GEN_AI_USAGE_COST_AMOUNT] for found in metered.said}
    assert priced == {DATED: pytest.approx(COST / 2), "claude-opus-4-5-20251101": pytest.approx(COST * 5 / 2)}


def test_a_batch_is_paid_by_who_submitted_it(client: anthropic.Anthropic, metered: Telemetry) -> None:
    with spanledger.run(id="night", tenant="acme"):
        batch = submitted(client, request("a"))
    with spanledger.run(id="morning", tenant="other"):
        list(client.messages.batches.results(batch))
    assert metered.attributes[names.SPANLEDGER_RUN_ID] == "night"
    assert metered.attributes[names.SPANLEDGER_TENANT_ID] == "acme"


def test_the_call_stands_where_the_results_were_asked_for(client: anthropic.Anthropic, metered: Telemetry) -> None:
    batch = submitted(client, request("a"))
    with metered.tracer.start_as_current_span("report") as report:
        results = client.messages.batches.results(batch)
    list(results)
    assert metered.one.parent is not None
    assert metered.one.parent.span_id == report.get_span_context().span_id


def test_results_that_come_raw_are_metered(client: anthropic.Anthropic, metered: Telemetry) -> None:
    batch = submitted(client, request("a"))
    with client.messages.batches.with_streaming_response.results(batch) as response:
        b"".join(response.iter_bytes())
    assert metered.attributes[names.GEN_AI_USAGE_INPUT_TOKENS] == 100


def test_async_results_of_the_beta_are_metered(provider: Provider, key: str, metered: Telemetry) -> None:
    async def ask(client: AsyncAnthropic) -> None:
        batch = await client.beta.messages.batches.create(requests=[request("a")])
        await client.beta.messages.batches.retrieve(batch.id)
        async for _ in await client.beta.messages.batches.results(batch.id):
            await asyncio.sleep(0)

    later(provider, key, ask)
    assert metered.attributes[names.GEN_AI_USAGE_COST_AMOUNT] == pytest.approx(COST / 2)


def test_results_that_are_missing_are_nobodys_failure(client: anthropic.Anthropic, metered: Telemetry) -> None:
    with pytest.raises(anthropic.NotFoundError):
        client.get("/v1/messages/batches/none/results", cast_to=object)
    assert metered.spans == []


def test_memory_of_batches_is_bounded() -> None:
    batches = MemoryBatches(limit=2)
    for name in ("a", "b", "c"):
        batches.created(name, Scope(tenant=name))
        assert set(batches.take(name, ["x", "y"])) == {"x", "y"}
    assert batches.payer("a") is None
    assert batches.payer("c") == Scope(tenant="c")
    assert set(batches.take("c", ["x", "z"])) == {"z"}
