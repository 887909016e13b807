"""Answers that are not what was promised: the app gets the same value or the same exception as without us."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx2
import openai
import pytest
from tests.support import twins as twin
from tests.support.asking import EMBED, MODEL, said
from tests.support.scripted import client_of, completion
from tests.support.telemetry import Telemetry
from tests.support.twins import Onlooker, Twins, installed

from provider import Provider
from spanledger.semconv import names
from spanledger_instrumentation.openai import OpenAIAdapter

FAULTS = (*twin.FAULTS, "no_done")
APP = Onlooker(openai.Stream, frozenset({"id", "item_id", "obfuscation"}))
twins = pytest.fixture(scope="module")(twin.still)


KINDS: dict[str, Callable[[openai.OpenAI, str], Any]] = {
    "chat": lambda c, t: c.chat.completions.create(model=MODEL, messages=said(t)),
    "chat stream": lambda c, t: c.chat.completions.create(model=MODEL, messages=said(t), stream=True),
    "chat stream, asked": lambda c, t: c.chat.completions.create(
        model=MODEL, messages=said(t), stream=True, stream_options={"include_usage": True}
    ),
    "chat raw": lambda c, t: c.chat.completions.with_raw_response.create(model=MODEL, messages=said(t)).parse(),
    "responses": lambda c, t: c.responses.create(model=MODEL, input=t),
    "responses stream": lambda c, t: c.responses.create(model=MODEL, input=t, stream=True),
    "embeddings": lambda c, t: c.embeddings.create(model=EMBED, input=t, dimensions=8),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_malformed_answer_has_the_same_outcome(
    kind: str, fault: str, twins: Twins, telemetry: Telemetry, http: httpx2.Client
) -> None:
    text = f"<<fault={fault}>> How are you?"
    bare, watched = (openai.OpenAI(base_url=p.base_url, api_key="sk-x", max_retries=0, http_client=http) for p in twins)
    without = APP.outcome(lambda: KINDS[kind](bare, text))
    with installed(OpenAIAdapter, telemetry):
        ours = APP.outcome(lambda: KINDS[kind](watched, text))
    assert _without_surplus(kind, fault, ours) == without
    assert telemetry.one


def _without_surplus(kind: str, fault: str, seen: list[Any]) -> list[Any]:
    """Only empty choices with a usage are taken out; malformed, that looks like a chunk of the server's."""
    if kind != "chat stream":
        return seen
    if fault == "wrong_shape":
        return seen[1:]
    return seen[:-1] if fault in ("usage_null", "usage_missing", "choices_missing") else seen


@pytest.mark.parametrize("fault", FAULTS)
def test_a_malformed_async_stream_has_the_same_outcome(fault: str, twins: Twins, telemetry: Telemetry) -> None:
    messages = said(f"<<fault={fault}>> How are you?")

    def see(provider: Provider) -> Any:
        http = httpx2.AsyncClient(verify=False)
        client = openai.AsyncOpenAI(base_url=provider.base_url, api_key="sk-x", max_retries=0, http_client=http)
        ask = lambda c: c.chat.completions.create(model=MODEL, messages=messages, stream=True)  # noqa: E731
        return asyncio.run(APP.async_outcome(ask, client))

    without = see(twins[0])
    with installed(OpenAIAdapter, telemetry):
        ours = see(twins[1])
    assert _without_surplus("chat stream", fault, ours) == without
    assert telemetry.one


ODD: list[tuple[str, Any]] = [
    ("a list", [1, 2]),
    ("a string", "hello"),
    ("a number", 7),
    ("null", None),
    ("choices of numbers", completion() | {"choices": [1, None, "x"]}),
    ("a message that is a list", completion() | {"choices": [{"message": [1]}]}),
    ("tool calls that are a number", completion() | {"choices": [{"message": {"tool_calls": 7}}]}),
    ("details that are a string", completion(usage={"prompt_tokens": 1, "prompt_tokens_details": "x"})),
    ("infinite usage", completion(usage={"prompt_tokens": 1e400, "completion_tokens": 1})),
    ("true usage", completion(usage={"prompt_tokens": True, "completion_tokens": 1})),
    ("a cost that is a word", completion(usage={"prompt_tokens": 1, "completion_tokens": 1, "cost": "much"})),
    ("a model that is a number", completion() | {"model": 7}),
    ("an id that is an object", completion() | {"id": {}}),
    ("a surrogate", completion() | {"choices": [{"message": {"content": "\udc80"}}]}),
]


@pytest.mark.parametrize(("_name", "document"), ODD, ids=[name for name, _ in ODD])
def test_a_body_of_any_shape_is_an_answer(metered: Telemetry, _name: str, document: Any) -> None:
    body = json.dumps(document).encode()
    with client_of(
        lambda _: httpx2.Response(200, headers={"content-type": "application/json"}, content=body)
    ) as client:
        client.chat.completions.with_raw_response.create(model=MODEL, messages=said())
    assert metered.attributes[names.GEN_AI_OPERATION_NAME] == "chat"
