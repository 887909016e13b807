"""Every HTTP library: calls to models are metered once, with the provider's own tokens, plain and streamed."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support import wholes
from tests.support.asking import COST, EMBED, LEGACY, MODEL, USAGE
from tests.support.telemetry import Telemetry, whole
from tests.support.ways import JSON, WAYS, Way, written

from provider import Provider
from spanledger.semconv import names

CLAUDE = "claude-haiku-4-5"
CHAT = {"model": MODEL, "messages": [{"role": "user", "content": f"{USAGE} Hällo"}]}
MESSAGE = {**CHAT, "model": CLAUDE, "max_tokens": 200}


def tokens(telemetry: Telemetry) -> dict[str, Any]:
    """What the only call used, and what it cost."""
    found = telemetry.attributes
    return {key.removeprefix("gen_ai.usage."): value for key, value in found.items() if "gen_ai.usage." in key}


BILLED = {
    "input_tokens": 100,
    "output_tokens": 20,
    "cache_read.input_tokens": 40,
    "reasoning.output_tokens": 5,
    "cost.amount": COST,
    "cost.currency": "USD",
    "cost.source": "local",
}


def test_a_plain_chat_is_metered(way: Way, wired: Telemetry, provider: Provider) -> None:
    seen = way.ask(f"{provider.base_url}/chat/completions", written(CHAT), JSON)
    assert seen.status == 200
    assert tokens(wired) == BILLED
    assert names.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK not in wired.attributes


@pytest.mark.parametrize("read", ["stream", "ask"], ids=["line by line", "at once"])
def test_a_chat_stream_is_metered_without_showing_the_app_that_usage_was_asked_for(
    way: Way, read: str, telemetry: Telemetry, wired: Telemetry, provider: Provider
) -> None:
    seen = getattr(way, read)(f"{provider.base_url}/chat/completions", written({**CHAT, "stream": True}), JSON)
    assert b"usage" not in seen.body
    assert seen.body.rstrip().endswith(b"data: [DONE]")
    assert tokens(wired) == BILLED
    assert wired.attributes[names.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK] > 0


def test_an_app_that_asks_for_usage_itself_sees_it(way: Way, wired: Telemetry, provider: Provider) -> None:
    body = {**CHAT, "stream": True, "stream_options": {"include_usage": True}}
    seen = way.stream(f"{provider.base_url}/chat/completions", written(body), JSON)
    assert b'"usage":{' in seen.body.replace(b" ", b"")
    assert tokens(wired) == BILLED


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_messages_of_anthropic_are_metered(way: Way, stream: bool, wired: Telemetry, provider: Provider) -> None:
    send = way.stream if stream else way.ask
    assert send(f"{provider.base_url}/messages", written({**MESSAGE, "stream": stream}), JSON).status == 200
    found = wired.attributes
    assert found[names.GEN_AI_PROVIDER_NAME] == "anthropic"
    assert (found[names.GEN_AI_USAGE_INPUT_TOKENS], found[names.GEN_AI_USAGE_OUTPUT_TOKENS]) == (100, 20)
    assert found[names.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS] == 40
    assert found[names.GEN_AI_USAGE_COST_AMOUNT] == pytest.approx(60e-6 + 40e-7 + 20 * 5e-6)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_responses_are_metered(way: Way, stream: bool, wired: Telemetry, provider: Provider) -> None:
    body = {"model": MODEL, "input": f"{USAGE} Hello", "stream": stream}
    send = way.stream if stream else way.ask
    send(f"{provider.base_url}/responses", written(body), JSON)
    assert tokens(wired) == BILLED


def test_embeddings_are_metered(way: Way, wired: Telemetry, provider: Provider) -> None:
    way.ask(f"{provider.base_url}/embeddings", written({"model": EMBED, "input": "<<input=50>> Hello"}), JSON)
    assert wired.one.name == f"embeddings {EMBED}"
    assert wired.attributes[names.GEN_AI_USAGE_INPUT_TOKENS] == 50


def test_a_legacy_completion_is_metered(wired: Telemetry, provider: Provider) -> None:
    body = {"model": LEGACY, "prompt": "<<input=50 output=10>> Hello", "stream": True}
    seen = WAYS["httpx"].stream(f"{provider.base_url}/completions", written(body), JSON)
    assert b"usage" not in seen.body
    found = wired.attributes
    assert (found[names.GEN_AI_USAGE_INPUT_TOKENS], found[names.GEN_AI_USAGE_OUTPUT_TOKENS]) == (50, 10)


def test_a_span_of_the_wire_says_what_a_span_of_the_client_says(wired: Telemetry, provider: Provider) -> None:
    body = {**CHAT, "temperature": 0.5, "max_tokens": 50}
    WAYS["httpx"].ask(f"{provider.base_url}/chat/completions", written(body), JSON)
    more = {names.GEN_AI_REQUEST_TEMPERATURE: 0.5, names.GEN_AI_REQUEST_MAX_TOKENS: 50}
    assert whole(wired.one) == wholes.chat(more)
