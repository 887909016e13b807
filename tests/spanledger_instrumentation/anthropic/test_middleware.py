"""The client's middleware may answer one request by several: each that a model answered is a call of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic.lib.middleware import BetaRefusalFallbackMiddleware
from tests.support.claude import BLOCK, MODEL, URL, events, message, said, sse, streaming
from tests.support.telemetry import Telemetry

from spanledger.semconv import names

OTHER = "claude-opus-4-5"


def refusing(request: httpx2.Request) -> httpx2.Response:
    """One model refuses, every other answers."""
    asked = json.loads(request.content)
    refused = asked["model"] == MODEL
    reason, usage = ("refusal", {**BLOCK, "output_tokens": 6}) if refused else ("end_turn", BLOCK)
    if asked.get("stream"):
        found = events([] if refused else ["Hello"], start={**usage, "output_tokens": 1}, end=usage, last=reason)
        found[0]["message"]["model"] = asked["model"]
        found = [event for event in found if not (refused and "index" in event)]
        return streaming(sse(found))
    content: list[Any] = [] if refused else [{"type": "text", "text": "Hello"}]
    return httpx2.Response(200, json=message(model=asked["model"], content=content, stop_reason=reason, usage=usage))


def asking(handler: Callable[[httpx2.Request], httpx2.Response], *middleware: Any) -> anthropic.Anthropic:
    http = httpx2.Client(transport=httpx2.MockTransport(handler))
    return anthropic.Anthropic(base_url=URL, api_key="sk-test", http_client=http, max_retries=0, middleware=middleware)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_a_refusal_and_the_answer_of_the_next_model_are_two_calls(metered: Telemetry, stream: bool) -> None:
    client = asking(refusing, BetaRefusalFallbackMiddleware([{"model": OTHER}]))
    asked = client.beta.messages.create(model=MODEL, max_tokens=50, messages=said(), stream=stream)
    if stream:
        list(asked)
    found = {said[names.GEN_AI_REQUEST_MODEL]: said[names.GEN_AI_USAGE_OUTPUT_TOKENS] for said in metered.said}
    assert found == {MODEL: 6, OTHER: 20}
    assert not any(names.SPANLEDGER_USAGE_ESTIMATED in said for said in metered.said)
    assert not any(names.ERROR_TYPE in said for said in metered.said)


def test_a_request_that_middleware_makes_on_the_way_is_not_taken_for_the_call(metered: Telemetry) -> None:
    listing = asking(lambda _: httpx2.Response(200, json={"data": []}))

    def looks_up(request: Any, call_next: Any) -> Any:
        listing.get("/v1/models", cast_to=object)
        return call_next(request)

    client = asking(refusing, looks_up)
    client.messages.create(model=OTHER, max_tokens=50, messages=said())
    assert metered.attributes[names.GEN_AI_USAGE_INPUT_TOKENS] == 100
    assert metered.one.events == ()


def test_an_answer_that_middleware_made_up_uses_nothing(metered: Telemetry) -> None:
    client = asking(refusing, lambda _request, _call_next: "from the cache")
    assert client.messages.create(model=OTHER, max_tokens=50, messages=said()) == "from the cache"  # type: ignore[comparison-overlap]
    assert names.GEN_AI_USAGE_INPUT_TOKENS not in metered.attributes
    assert metered.one.status.status_code.name == "UNSET"
