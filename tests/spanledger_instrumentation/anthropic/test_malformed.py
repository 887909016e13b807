"""Answers that are not what was promised: the app gets the same value or the same exception as without us."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import anthropic
import httpx2
import pytest
from tests.support import twins as twin
from tests.support.claude import BLOCK, MODEL, client_of, events, message, said, sse, streaming
from tests.support.telemetry import Telemetry
from tests.support.twins import Onlooker, Twins, installed

from provider import Provider
from spanledger.semconv import names
from spanledger_instrumentation.anthropic import AnthropicAdapter

FAULTS = (*twin.FAULTS, "529")
APP = Onlooker(anthropic.Stream)
twins = pytest.fixture(scope="module")(twin.still)


def _helped(client: anthropic.Anthropic, asked: dict[str, Any]) -> Any:
    with client.messages.stream(**asked) as stream:
        return stream.get_final_message()


KINDS: dict[str, Callable[[anthropic.Anthropic, dict[str, Any]], Any]] = {
    "plain": lambda c, asked: c.messages.create(**asked),
    "stream": lambda c, asked: c.messages.create(**asked, stream=True),
    "helper": _helped,
    "raw": lambda c, asked: c.messages.with_raw_response.create(**asked).parse(),
    "beta": lambda c, asked: c.beta.messages.create(**asked, stream=True),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_malformed_answer_has_the_same_outcome(
    kind: str, fault: str, twins: Twins, telemetry: Telemetry, http: httpx2.Client
) -> None:
    asked = {"model": MODEL, "max_tokens": 60, "messages": said(f"<<fault={fault}>> How are you?")}
    bare, watched = (
        anthropic.Anthropic(base_url=p.url, api_key="sk-x", max_retries=0, http_client=http) for p in twins
    )
    without = APP.outcome(lambda: KINDS[kind](bare, asked))
    with installed(AnthropicAdapter, telemetry):
        ours = APP.outcome(lambda: KINDS[kind](watched, asked))
    assert ours == without
    assert telemetry.one


@pytest.mark.parametrize("fault", FAULTS)
def test_a_malformed_async_stream_has_the_same_outcome(fault: str, twins: Twins, telemetry: Telemetry) -> None:
    messages = said(f"<<fault={fault}>> How are you?")

    def see(provider: Provider) -> Any:
        http = httpx2.AsyncClient(verify=False)
        client = anthropic.AsyncAnthropic(base_url=provider.url, api_key="sk-x", max_retries=0, http_client=http)
        ask = lambda c: c.messages.create(model=MODEL, max_tokens=60, messages=messages, stream=True)  # noqa: E731
        return asyncio.run(APP.async_outcome(ask, client))

    without = see(twins[0])
    with installed(AnthropicAdapter, telemetry):
        ours = see(twins[1])
    assert ours == without
    assert telemetry.one


ODD: list[tuple[str, Any]] = [
    ("a list", [1, 2]),
    ("a string", "hello"),
    ("null", None),
    ("content that is a number", message(content=7)),
    ("blocks that are numbers", message(content=[1, None, "x"])),
    ("an input that is a list", message(content=[{"type": "tool_use", "name": 7, "input": [1]}])),
    ("a life of the cache that is a string", message(usage={**BLOCK, "cache_creation": "x"})),
    ("infinite usage", message(usage={"input_tokens": 1e400, "output_tokens": 1})),
    ("steps that are no steps", message(usage={**BLOCK, "iterations": [1, {"type": "compaction"}]})),
    ("a model that is a number", message(model=7)),
    ("an id that is an object", message(id={})),
    ("a reason that is a list", message(stop_reason=[1])),
    ("a surrogate", message(content=[{"type": "text", "text": "\udc80"}], usage=None)),
    ("an error that is a string", {"type": "error", "error": "no"}),
]


@pytest.mark.parametrize(("_name", "document"), ODD, ids=[name for name, _ in ODD])
def test_a_body_of_any_shape_is_an_answer(metered: Telemetry, _name: str, document: Any) -> None:
    body = json.dumps(document).encode()
    handler = lambda _: httpx2.Response(200, headers={"content-type": "application/json"}, content=body)  # noqa: E731
    with client_of(handler) as client:
        client.messages.with_raw_response.create(model=MODEL, max_tokens=50, messages=said())
    assert metered.attributes[names.GEN_AI_OPERATION_NAME] == "chat"


@pytest.mark.parametrize("at", range(9))
@pytest.mark.parametrize("odd", [[], 7, {"type": []}, {"type": "message_delta", "usage": 7, "delta": []}, {"error": 1}])
def test_an_event_of_any_shape_passes(metered: Telemetry, at: int, odd: Any) -> None:
    found: list[Any] = sse(events())
    found[at : at + 1] = [b"event: ping\ndata: " + json.dumps(odd).encode() + b"\n\n"]
    with client_of(lambda _: streaming(found)) as client:
        create = client.messages.with_streaming_response.create
        with create(model=MODEL, max_tokens=50, messages=said(), stream=True) as response:
            assert b"".join(response.iter_bytes()) == b"".join(found)
    assert metered.attributes[names.GEN_AI_OPERATION_NAME] == "chat"
