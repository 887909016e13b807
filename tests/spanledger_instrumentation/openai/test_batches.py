"""Batches of the files API: held when they are submitted, metered at batch rates when their output is read."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI
from tests.support.asking import EMBED, MODEL, USAGE, later, said
from tests.support.budgeted import budgeted, figures
from tests.support.telemetry import Telemetry

import spanledger
from provider import Provider
from spanledger.budget.sqlite import SqliteStore
from spanledger.errors import BudgetExceeded
from spanledger.semconv import names

#: 60 tokens at 0.075 USD a million, 40 out of a cache at the same, 20 at 0.30.
COST = 13.5e-6
NANO = 13_500
CHAT, RESPONSES, EMBEDDINGS = "/v1/chat/completions", "/v1/responses", "/v1/embeddings"


def line(name: str, url: str = CHAT, text: str = f"{USAGE} Hello", **body: Any) -> dict[str, Any]:
    asked: dict[str, Any] = {"messages": said(text), "max_tokens": 100} if url == CHAT else {"input": text}
    return {"custom_id": name, "method": "POST", "url": url, "body": {"model": MODEL, **asked, **body}}


def jsonl(*lines: dict[str, Any]) -> bytes:
    return b"\n".join(json.dumps(one).encode() for one in lines) + b"\n"


def submitted(client: openai.OpenAI, *lines: dict[str, Any]) -> str:
    file = client.files.create(file=("requests.jsonl", jsonl(*lines)), purpose="batch")
    return client.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h").id  # type: ignore[arg-type]


def output(client: openai.OpenAI, batch: str) -> str:
    file = client.batches.retrieve(batch).output_file_id
    assert file is not None
    return file


def test_the_output_is_one_call_at_batch_rates_with_the_tokens_of_the_bill(
    client: openai.OpenAI, metered: Telemetry, provider: Provider, key: str
) -> None:
    batch = submitted(client, line("a"), line("b"), line("c", text="<<fault=400>> no"))
    file = output(client, batch)
    assert metered.spans == []
    assert len(client.files.content(file).text.splitlines()) == 2
    found, bill = metered.attributes, provider.bill(key)
    assert found[names.GEN_AI_OPERATION_NAME] == "chat"
    assert found[names.GEN_AI_USAGE_INPUT_TOKENS] == bill["input_tokens"] == 200
    assert found[names.GEN_AI_USAGE_OUTPUT_TOKENS] == bill["output_tokens"] == 40
    assert found[names.GEN_AI_USAGE_COST_AMOUNT] == pytest.approx(2 * COST)
    assert (found[names.SPANLEDGER_BATCH_ID], found[names.SPANLEDGER_BATCH_RESULTS]) == (batch, 2)
    assert names.OPENAI_REQUEST_SERVICE_TIER not in found


def test_every_model_and_operation_of_a_batch_is_a_call_of_its_own(client: openai.OpenAI, metered: Telemetry) -> None:
    lines = [line("a"), line("b", RESPONSES), line("c", EMBEDDINGS, "<<input=10>> x", model=EMBED)]
    client.files.content(output(client, submitted(client, *lines, line("d", model="gpt-4o"))))
    found = {(said[names.GEN_AI_OPERATION_NAME], said[names.GEN_AI_REQUEST_MODEL]): said for said in metered.said}
    assert {key: said[names.SPANLEDGER_BATCH_RESULTS] for key, said in found.items()} == {
        ("chat", "gpt-4o-mini-2024-07-18"): 2,
        ("chat", "gpt-4o-2024-08-06"): 1,
        ("embeddings", EMBED): 1,
    }
    assert found["embeddings", EMBED][names.GEN_AI_USAGE_COST_AMOUNT] == pytest.approx(10 * 0.01e-6)


def test_output_that_is_read_again_is_not_metered_again(client: openai.OpenAI, metered: Telemetry) -> None:
    file = output(client, submitted(client, line("a")))
    for _ in range(3):
        client.files.content(file)
    with client.files.with_streaming_response.content(file) as response:
        b"".join(response.iter_bytes())
    assert len(metered.metered) == 1


def test_a_batch_is_paid_by_who_submitted_it(client: openai.OpenAI, metered: Telemetry) -> None:
    with spanledger.run(id="night", tenant="acme"):
        batch = submitted(client, line("a"))
    with spanledger.run(id="morning"):
        client.files.content(output(client, batch))
    found = metered.attributes
    assert (found[names.SPANLEDGER_RUN_ID], found[names.SPANLEDGER_TENANT_ID]) == ("night", "acme")


def test_output_of_a_batch_that_nobody_looked_at_here_is_paid_by_who_reads_it(
    client: openai.OpenAI, metered: Telemetry, provider: Provider
) -> None:
    file = f"file-output-{submitted(client, line('a'))}"
    with spanledger.run(id="morning"):
        client.files.content(file)
    assert metered.attributes[names.SPANLEDGER_RUN_ID] == "morning"
    assert names.SPANLEDGER_BATCH_ID not in metered.attributes


def test_async_batches_are_metered_too(provider: Provider, key: str, metered: Telemetry) -> None:
    async def ask(client: AsyncOpenAI) -> None:
        file = await client.files.create(file=jsonl(line("a")), purpose="batch")
        batch = await client.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")  # type: ignore[arg-type]
        looked_at = await client.batches.retrieve(batch.id)
        assert looked_at.output_file_id is not None
        async with client.files.with_streaming_response.content(looked_at.output_file_id) as response:
            [_ async for _ in response.iter_lines()]

    later(provider, key, ask)
    assert metered.attributes[names.GEN_AI_USAGE_COST_AMOUNT] == pytest.approx(COST)


def test_files_of_other_things_are_left_alone(client: openai.OpenAI, metered: Telemetry) -> None:
    file = client.files.create(file=b"\x89PNG\r\n\x1a\n", purpose="vision")
    client.files.content(file.id)
    assert metered.spans == []


@pytest.mark.parametrize("how", ["bytes", "stream", "path"])
def test_a_batch_holds_its_worst_case_until_its_output_settles_it(
    client: openai.OpenAI, tmp_path: Path, how: str
) -> None:
    content = jsonl(line("a"), line("b"))
    path = tmp_path / "requests.jsonl"
    path.write_bytes(content)
    with budgeted("global=1USD") as made:
        given: Any = {"bytes": content, "stream": io.BytesIO(content), "path": path}[how]
        file = client.files.create(file=given, purpose="batch")
        batch = client.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")  # type: ignore[arg-type]
        spent, held = figures(made)
        assert (spent, 2 * 100 * 300 < held < 200_000) == (0, True)
        client.files.content(output(client, batch.id))
        assert figures(made) == (2 * NANO, 0)


def test_another_process_settles_it_for_who_submitted_it(client: openai.OpenAI, tmp_path: Path) -> None:
    opened = [SqliteStore(tmp_path / "budgets.sqlite") for _ in range(3)]
    with budgeted("global=1USD", opened[0]), spanledger.run(id="night"):
        batch = submitted(client, line("a"))
    for store, expected in zip(opened[1:], (["night"], []), strict=True):
        with budgeted("global=1USD", store) as made:
            client.files.content(output(client, batch))
            assert [said[names.SPANLEDGER_RUN_ID] for said in made.said] == expected
            assert figures(made) == (NANO, 0)
    for store in opened:
        store.close()


def test_a_batch_that_is_cancelled_gives_its_hold_back(client: openai.OpenAI) -> None:
    with budgeted("global=1USD") as made:
        batch = submitted(client, line("a"))
        client.batches.cancel(batch)
        assert figures(made) == (0, 0)


def test_a_batch_of_a_file_that_was_not_seen_is_refused_unless_told_otherwise(client: openai.OpenAI) -> None:
    file = client.files.create(file=jsonl(line("a")), purpose="batch").id
    with budgeted("global=1USD") as made:
        with pytest.raises(BudgetExceeded, match="has not seen the upload") as refused:
            client.batches.create(input_file_id=file, endpoint=CHAT, completion_window="24h")  # type: ignore[arg-type]
        assert refused.value.refusal.kind == "too_large"
        assert made.one.status.status_code.name == "ERROR"
    with budgeted("global=1USD", unbounded="window") as made:
        batch = client.batches.create(input_file_id=file, endpoint=CHAT, completion_window="24h")  # type: ignore[arg-type]
        client.files.content(output(client, batch.id))
        assert figures(made) == (NANO, 0)


@pytest.mark.parametrize("limit", ["0USD", "0.00001USD", "1calls"])
def test_a_batch_that_does_not_fit_is_refused(client: openai.OpenAI, limit: str) -> None:
    with budgeted(f"global={limit}") as made:
        with pytest.raises(BudgetExceeded):
            submitted(client, line("a"), line("b"))
        assert figures(made) == (0, 0)


def test_results_of_a_batch_without_a_hold_are_charged(client: openai.OpenAI) -> None:
    with budgeted("") as made:
        file = output(client, submitted(client, line("a")))
    with budgeted("global=0.00001USD;service=100calls") as made:
        client.files.content(file)
        assert figures(made) == (NANO, 0)
