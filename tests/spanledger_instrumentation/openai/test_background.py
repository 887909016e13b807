"""Responses made in the background: metered once by whoever reads how they ended, and held until then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import openai
import pytest
from tests.support.asking import COST, MODEL, USAGE, later
from tests.support.budgeted import budgeted, figures
from tests.support.telemetry import Telemetry

import spanledger
from provider import Provider
from spanledger.budget.sqlite import SqliteStore
from spanledger.errors import BudgetExceeded
from spanledger.semconv import names

ASK = f"{USAGE} Hello"
NANO = round(COST * 1e9)


Opened = Callable[[], SqliteStore]


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Opened]:
    """Opens a file as one more process that shares it would."""
    opened: list[SqliteStore] = []

    def another() -> SqliteStore:
        opened.append(SqliteStore(tmp_path / "budgets.sqlite"))
        return opened[-1]

    yield another
    for store in opened:
        store.close()


def begun(client: openai.OpenAI) -> str:
    return client.responses.create(model=MODEL, input=ASK, background=True, max_output_tokens=100).id


def read(client: openai.OpenAI, response: str) -> None:
    while client.responses.retrieve(response).status in ("queued", "in_progress"):
        pass


def test_its_hold_lives_on_and_is_settled_by_the_reading_that_brings_the_usage(client: openai.OpenAI) -> None:
    with budgeted("global=1USD") as made:
        response = begun(client)
        spent, held = figures(made)
        assert (spent, held > NANO) == (0, True)
        read(client, response)
        read(client, response)
        assert figures(made) == (NANO, 0)
        assert [names.GEN_AI_USAGE_COST_AMOUNT in said for said in made.said] == [False, True]


def test_another_process_settles_it_for_who_created_it(client: openai.OpenAI, process: Opened) -> None:
    with budgeted("global=1USD", process()) as made, spanledger.run(id="night", tenant="acme"):
        response = begun(client)
        created = made.one
    with budgeted("global=1USD", process()) as made:
        read(client, response)
        assert figures(made) == (NANO, 0)
        found = made.attributes
        assert (found[names.SPANLEDGER_RUN_ID], found[names.SPANLEDGER_TENANT_ID]) == ("night", "acme")
        assert found[names.GEN_AI_USAGE_COST_AMOUNT] == COST
        assert [link.context.span_id for link in made.one.links] == [created.context and created.context.span_id]
    with budgeted("global=1USD", process()) as made:
        read(client, response)
        assert (figures(made), made.spans) == ((NANO, 0), [])


def test_its_hold_is_settled_where_the_budget_of_that_name_is_not_known(client: openai.OpenAI, process: Opened) -> None:
    with budgeted("global=1USD;tenant=100calls", process()):
        response = begun(client)
    with budgeted("service=5USD", process()) as made:
        read(client, response)
        assert figures(made) == (NANO, 0)


def test_one_that_is_cancelled_gives_its_hold_back(client: openai.OpenAI) -> None:
    with budgeted("global=1USD") as made:
        client.responses.cancel(begun(client))
        assert figures(made) == (0, 0)
        assert [span.status.status_code.name for span in made.metered] == ["UNSET", "ERROR"]


def test_a_limit_of_nothing_refuses_it(client: openai.OpenAI, provider: Provider, key: str) -> None:
    with budgeted("global=0USD"), pytest.raises(BudgetExceeded):
        begun(client)
    assert provider.bill(key)["hits"] == 0


def test_what_two_of_them_hold_leaves_no_room_for_a_third(client: openai.OpenAI) -> None:
    with budgeted("global=1USD") as made:
        begun(client)
        held = figures(made)[1]
    with budgeted(f"global={2.5 * held / 1e9:.9f}USD"):
        responses = [begun(client), begun(client)]
        with pytest.raises(BudgetExceeded, match="in_flight"):
            begun(client)
        read(client, responses[0])
        begun(client)


def test_async_ones_are_settled_too(provider: Provider, key: str) -> None:
    async def ask(client: openai.AsyncOpenAI) -> None:
        created = await client.responses.create(model=MODEL, input=ASK, background=True)
        for _ in range(3):
            await client.responses.with_raw_response.retrieve(created.id)

    with budgeted("global=1USD") as made:
        later(provider, key, ask)
        assert figures(made) == (NANO, 0)


def test_a_streamed_reading_settles_it(client: openai.OpenAI) -> None:
    with budgeted("global=1USD") as made:
        response = begun(client)
        list(client.responses.retrieve(response, stream=True))
        assert figures(made) == (NANO, 0)


def test_without_budgets_a_named_store_is_enough_to_remember(client: openai.OpenAI, process: Opened) -> None:
    with budgeted("", process()):
        response = begun(client)
    with budgeted("", process()) as made:
        read(client, response)
        assert made.attributes[names.GEN_AI_USAGE_COST_AMOUNT] == COST


def test_a_store_that_cannot_be_used_is_replaced_by_the_memory_of_the_process(
    client: openai.OpenAI, metered: Telemetry, tmp_path: Path, failures: Counter[tuple[str, str]]
) -> None:
    metered.calls.remembered = type(metered.calls.remembered)(SqliteStore(tmp_path))
    read(client, begun(client))
    assert [names.GEN_AI_USAGE_COST_AMOUNT in said for said in metered.said] == [False, True]
    assert failures["store", "StoreError"] > 0
