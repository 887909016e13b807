"""Message batches: submitted without usage, metered at batch rates when their results are read, each once."""

from __future__ import annotations

import asyncio
import gc
import socket
from pathlib import Path
from typing import Any

import anthropic
import pytest
from anthropic import AsyncAnthropic
from tests.support.budgeted import budgeted, budgeted_everywhere, figures
from tests.support.claude import COST, DATED, MODEL, USAGE, later, said
from tests.support.ledgering import cost, wait_for
from tests.support.telemetry import Telemetry

import spanledger
from provider import Provider
from spanledger.budget.sqlite import SqliteStore
from spanledger.errors import BudgetExceeded
from spanledger.semconv import names
from spanledger_instrumentation.anthropic import AnthropicAdapter


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


def test_a_batch_holds_its_worst_case_until_its_results_settle_it(client: anthropic.Anthropic) -> None:
    with budgeted("global=1USD;service=9calls", adapter=AnthropicAdapter) as made:
        batch = submitted(client, request("a"), request("b"), request("c", "<<fault=400>> no"))
        spent, held = figures(made)
        assert (spent, held > 3 * 100 * 2_500) == (
            0,
            True,
        )  # at half of 5 USD a million
        list(client.messages.batches.results(batch))
        assert figures(made) == (round(COST * 1e9), 0)


def test_results_that_were_read_in_part_leave_the_hold_until_they_are_read_to_the_end(
    client: anthropic.Anthropic,
) -> None:
    with budgeted("global=1USD", adapter=AnthropicAdapter) as made:
        batch = submitted(client, *(request(str(n), "<<input=10 output=1 gap_ms=20>> x") for n in range(5)))
        held = figures(made)[1]
        for _ in client.messages.batches.results(batch):
            break
        gc.collect()
        assert made.one
        assert figures(made)[1] == held
        list(client.messages.batches.results(batch))
        assert figures(made) == (5 * (10 * 500 + 2_500), 0)


def test_a_batch_whose_requests_came_to_nothing_gives_its_hold_back(client: anthropic.Anthropic) -> None:
    with budgeted("global=1USD", adapter=AnthropicAdapter) as made:
        list(client.messages.batches.results(submitted(client, request("a", "<<fault=400>> no"))))
        assert (figures(made), made.spans) == ((0, 0), [])


def test_results_are_metered_once_by_all_processes_that_share_a_store(
    client: anthropic.Anthropic, tmp_path: Path
) -> None:
    said = []
    for number in range(3):
        store = SqliteStore(tmp_path / "budgets.sqlite")
        with budgeted("global=1USD", store, AnthropicAdapter) as made, spanledger.run(id=f"r{number}"):
            if number == 0:
                batch = submitted(client, request("a"), request("b"))
            else:
                list(client.messages.batches.results(batch))
            said += made.said
            spent = figures(made)
        store.close()
    (found,) = said
    assert found[names.SPANLEDGER_RUN_ID] == "r0"
    assert spent == (round(COST * 1e9), 0)


@pytest.mark.parametrize("limit", ["0USD", "0.0001USD", "1calls"])
def test_a_batch_that_does_not_fit_is_refused_and_one_span_says_so(
    client: anthropic.Anthropic, provider: Provider, key: str, limit: str
) -> None:
    with budgeted(f"global={limit}", adapter=AnthropicAdapter) as made:
        with pytest.raises(BudgetExceeded):
            client.messages.batches.create(requests=[request("a"), request("b")])
        assert made.one.status.status_code.name == "ERROR"
        assert figures(made) == (0, 0)
    assert provider.bill(key)["hits"] == 0


def test_a_submission_without_an_answer_is_charged_and_the_ledger_knows_what_for(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'calls.sqlite'}"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        nobody = anthropic.Anthropic(
            base_url=f"http://127.0.0.1:{silent.getsockname()[1]}", api_key="k", max_retries=1, timeout=0.2
        )
        with budgeted_everywhere("global=1USD", database_url=url) as made, pytest.raises(anthropic.APITimeoutError):
            nobody.messages.batches.create(requests=[request("a"), request("b")])
        charged, held = figures(made)
        assert (charged > 2 * 2 * 100 * 2_500, held) == (True, 0)  # two attempts, at half of 5 USD a million
    assert len(wait_for(url, 4)) == 4  # two calls, and an attempt of each
    assert cost(url) == charged
    told = [found[names.SPANLEDGER_BUDGET_CHARGED] for found in made.said]
    assert [found[names.ERROR_TYPE] for found in made.said] == ["anthropic.APITimeoutError"] * 2
    assert told[-1] == charged / 1e9


def test_a_batch_that_the_provider_refuses_holds_nothing(client: anthropic.Anthropic) -> None:
    with budgeted("global=1USD", adapter=AnthropicAdapter) as made:
        with pytest.raises(anthropic.BadRequestError):
            client.messages.batches.create(requests=[])
        assert figures(made) == (0, 0)
