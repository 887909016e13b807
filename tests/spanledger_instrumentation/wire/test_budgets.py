"""Budgets on the wire: what leaves past the SDKs, what it is charged, and what is put into it."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from tests.spanledger_instrumentation.wire.conftest import Asked, Says, Server
from tests.support.asking import COST, MODEL, USAGE, said
from tests.support.budgeted import books, budgeted_everywhere
from tests.support.scripted import chat_events
from tests.support.ways import JSON, Way, written

from provider import Provider
from spanledger import BudgetExceeded
from spanledger.budget.store import Figures
from spanledger.semconv import names

NANO = 10**9
CHAT = {"model": MODEL, "messages": said(), "max_tokens": 100}


def test_a_request_is_held_and_charged(way: Way, provider: Provider, key: str) -> None:
    headers = {**JSON, "authorization": f"Bearer {key}"}
    with budgeted_everywhere("global=1USD") as made:
        way.ask(f"{provider.base_url}/chat/completions", written(CHAT), headers)
        way.stream(f"{provider.base_url}/chat/completions", written({**CHAT, "stream": True}), headers)
        assert books(made) == Figures(committed=2 * round(COST * NANO))


def test_a_request_is_refused_before_it_leaves(way: Way, provider: Provider, key: str) -> None:
    headers = {**JSON, "authorization": f"Bearer {key}"}
    with budgeted_everywhere("global=0USD") as made:
        with pytest.raises(BudgetExceeded):
            way.ask(f"{provider.base_url}/chat/completions", written(CHAT), headers)
        assert made.attributes[names.ERROR_TYPE] == "spanledger.BudgetExceeded"
    assert provider.log(key) == []


def test_a_request_without_a_cap_gets_one(way: Way, provider: Provider, key: str) -> None:
    headers = {**JSON, "authorization": f"Bearer {key}"}
    uncapped = {"model": MODEL, "messages": said(f"{USAGE} Hi"), "stream": True}
    with budgeted_everywhere("global=0.01USD") as made:
        seen = way.stream(f"{provider.base_url}/chat/completions", written(uncapped), headers)
        assert b'"usage"' not in seen.body
        cap = made.attributes[names.SPANLEDGER_BUDGET_OUTPUT_CAP]
    (entry,) = provider.log(key)
    assert entry["body"] == {
        **uncapped,
        "max_completion_tokens": cap,
        "stream_options": {"include_usage": True},
    }


def test_a_cap_of_null_is_replaced(way: Way, provider: Provider, key: str) -> None:
    headers = {**JSON, "authorization": f"Bearer {key}"}
    uncapped = {"model": MODEL, "messages": said(f"{USAGE} Hi"), "max_completion_tokens": None}
    with budgeted_everywhere("global=0.01USD") as made:
        way.ask(f"{provider.base_url}/chat/completions", written(uncapped), headers)
        cap = made.attributes[names.SPANLEDGER_BUDGET_OUTPUT_CAP]
    (entry,) = provider.log(key)
    assert entry["body"]["max_completion_tokens"] == cap


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_a_cap_that_a_server_does_not_know_is_sent_by_its_older_name(way: Way, server: Server, stream: bool) -> None:
    """As versions of Azure's API do that are older than both fields that we add."""

    def old(asked: Asked) -> Says:
        odd = [name for name in ("max_completion_tokens", "stream_options") if name in json.loads(asked.body)]
        if odd:
            message = f"Unrecognized request arguments supplied: {', '.join(odd)}"
            return Says([json.dumps({"error": {"message": message}}).encode()], status=400)
        return Says(chat_events(asked=False), "text/event-stream")

    server.answer = old
    body = {"model": MODEL, "messages": said(), "stream": stream}
    with budgeted_everywhere("global=0.01USD"):
        seen = [way.stream(f"{server.url}/v1/chat/completions", written(body), JSON) for _ in range(2)]
    assert [one.status for one in seen] == [200, 200]
    sent = [json.loads(asked.body) for asked in server.asked]
    assert [one.get("max_tokens", 0) > 0 for one in sent] == [False, True, True]
    assert not any("stream_options" in one for one in sent[1:])


def test_a_request_asks_the_cheaper_model(way: Way, provider: Provider, key: str, tmp_path: Any) -> None:
    path = tmp_path / "budgets.yaml"
    path.write_text(f"budgets:\n  - {{limit: 0.0005USD, action: downgrade, downgrade_to: {MODEL}}}\n")
    headers = {**JSON, "authorization": f"Bearer {key}"}
    dear = {"model": "gpt-4o", "messages": said(f"{USAGE} Hi"), "max_tokens": 100}
    with budgeted_everywhere(str(path)) as made:
        way.ask(f"{provider.base_url}/chat/completions", written(dear), headers)
        assert books(made).committed == round(COST * NANO)
    (entry,) = provider.log(key)
    assert entry["body"] == {**dear, "model": MODEL}


@pytest.mark.parametrize("odd", ["1e999", "-1e999", "NaN"])
def test_a_number_that_is_none_does_not_let_a_request_out(way: Way, provider: Provider, key: str, odd: str) -> None:
    headers = {**JSON, "authorization": f"Bearer {key}"}
    body = written(CHAT).rstrip(b"}\n ") + f', "seed": {odd}, "max_tokens": {odd}}}'.encode()
    with budgeted_everywhere("global=0USD"), pytest.raises(BudgetExceeded):
        way.ask(f"{provider.base_url}/chat/completions", body, headers)
    assert provider.log(key) == []


def test_a_cap_that_just_fits_still_fits_when_it_stands_in_the_request(
    client: openai.OpenAI, way: Way, provider: Provider, key: str
) -> None:
    with budgeted_everywhere("global=0.0001USD"):
        client.chat.completions.create(model=MODEL, messages=said("<<output=1>> Hi"))
    with budgeted_everywhere("global=0.0001USD"):
        body = {"model": MODEL, "messages": said("<<output=1>> Hi")}
        seen = way.ask(f"{provider.base_url}/chat/completions", written(body), JSON)
        assert seen.status == 200
