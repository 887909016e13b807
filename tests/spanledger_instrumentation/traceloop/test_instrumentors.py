"""Providers that no adapter of ours knows, by their own clients: one span for each call, with its tokens and cost."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import botocore.session
import cohere
import groq
import mistralai
import pytest
from google import genai
from opentelemetry.instrumentation.cohere import CohereInstrumentor
from tests.spanledger_instrumentation.traceloop.conftest import Recorded
from tests.support.telemetry import BOOK, Telemetry, whole
from tests.support.telemetry import telemetry as new_telemetry

from spanledger.config import Settings
from spanledger.semconv import names
from spanledger.usage import Usage
from spanledger_instrumentation.traceloop import TraceloopAdapter

PROMPT = "a word that nobody keeps"
CLAUDE = "anthropic.claude-3-5-sonnet-20240620-v1:0"
CHAT = {
    "id": "chat-1",
    "object": "chat.completion",
    "created": 1,
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
}
GEMINI = {
    "candidates": [{"content": {"parts": [{"text": "hi"}], "role": "model"}, "finishReason": "STOP"}],
    "usageMetadata": {"promptTokenCount": 100, "candidatesTokenCount": 20, "totalTokenCount": 120},
    "modelVersion": "gemini-2.5-flash",
    "responseId": "gemini-1",
}


def converse(at: Recorded) -> None:
    at.answer("/converse", {
        "output": {"message": {"role": "assistant", "content": [{"text": "hi"}]}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 100, "outputTokens": 20, "totalTokens": 120},
        "metrics": {"latencyMs": 1},
    })  # fmt: skip
    bedrock(at).converse(modelId=CLAUDE, messages=[{"role": "user", "content": [{"text": PROMPT}]}])


def invoke(at: Recorded) -> None:
    at.answer("/invoke", {
        "id": "msg_1", "type": "message", "role": "assistant", "content": [{"type": "text", "text": "hi"}],
        "model": "claude-3-5-sonnet-20240620", "stop_reason": "end_turn",
        "usage": {"input_tokens": 100, "output_tokens": 20},
    })  # fmt: skip
    message = {"role": "user", "content": PROMPT}
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": [message]}
    bedrock(at).invoke_model(modelId=CLAUDE, body=json.dumps(body))["body"].read()


def bedrock(at: Recorded) -> Any:
    session = botocore.session.get_session()
    return session.create_client(
        "bedrock-runtime", "us-east-1", endpoint_url=at.url, aws_access_key_id="x", aws_secret_access_key="y"
    )


def gemini(at: Recorded) -> None:
    at.answer(":generateContent", GEMINI)
    client = genai.Client(api_key="x", http_options={"base_url": at.url})
    assert client.models.generate_content(model="gemini-2.5-flash", contents=PROMPT).text == "hi"


def gemini_stream(at: Recorded) -> None:
    begun = {**GEMINI, "usageMetadata": {"promptTokenCount": 100, "candidatesTokenCount": 5, "totalTokenCount": 105}}
    at.stream(":streamGenerateContent", begun, GEMINI)
    client = genai.Client(api_key="x", http_options={"base_url": at.url})
    parts = client.models.generate_content_stream(model="gemini-2.5-flash", contents=PROMPT)
    assert [part.text for part in parts] == ["hi", "hi"]


def by_cohere(at: Recorded) -> None:
    tokens = {"input_tokens": 100, "output_tokens": 20}
    at.answer("/v2/chat", {
        "id": "cohere-1", "finish_reason": "COMPLETE",
        "message": {"role": "assistant", "content": [{"type": "text", "text": "hi"}]},
        "usage": {"billed_units": tokens, "tokens": tokens},
    })  # fmt: skip
    client = cohere.ClientV2(api_key="x", base_url=at.url)
    client.chat(model="command-r-08-2024", messages=[cohere.UserChatMessageV2(content=PROMPT)])


def by_groq(at: Recorded) -> None:
    at.answer("/chat/completions", {**CHAT, "model": "llama-3.3-70b-versatile"})
    client = groq.Groq(api_key="x", base_url=at.url)
    client.chat.completions.create(model="llama-3.3-70b-versatile", messages=[{"role": "user", "content": PROMPT}])


def by_mistral(at: Recorded) -> None:
    at.answer("/chat/completions", {**CHAT, "model": "mistral-small-latest"})
    client = mistralai.Mistral(api_key="x", server_url=at.url)
    said: Any = [{"role": "user", "content": PROMPT}]
    client.chat.complete(model="mistral-small-latest", messages=said)


CASES: list[tuple[Callable[[Recorded], None], str, str]] = [
    (converse, "aws.bedrock", CLAUDE),
    (invoke, "aws.bedrock", CLAUDE),
    (gemini, "gcp.gen_ai", "gemini-2.5-flash"),
    (gemini_stream, "gcp.gen_ai", "gemini-2.5-flash"),
    (by_cohere, "cohere", "command-r-08-2024"),
    (by_groq, "groq", "llama-3.3-70b-versatile"),
    (by_mistral, "mistral_ai", "mistral-small-latest"),
]


@pytest.mark.parametrize(("ask", "provider", "model"), CASES, ids=[case[0].__name__ for case in CASES])
def test_a_call_is_counted_once_at_its_price(
    switched_on: Telemetry, recorded: Recorded, ask: Callable[[Recorded], None], provider: str, model: str
) -> None:
    ask(recorded)
    price = BOOK.price(Usage(input=100, output=20), provider=provider, model=model)
    assert price is not None
    (span,) = switched_on.spans
    said = span.attributes or {}
    assert said[names.GEN_AI_USAGE_COST_AMOUNT] == pytest.approx(price.nano_usd / 1e9)
    assert [value for _, value in switched_on.points("spanledger.calls")] == [1]
    assert [value for _, value in switched_on.points("spanledger.cost")] == [pytest.approx(price.nano_usd / 1e9)]
    tokens = {labels["gen_ai.token.type"]: value for labels, value in switched_on.points("gen_ai.client.token.usage")}
    assert tokens == {"input": 100, "output": 20}


@pytest.mark.parametrize("ask", [case[0] for case in CASES], ids=lambda ask: ask.__name__)
def test_content_is_kept_only_where_it_is_asked_for(
    switched_on: Telemetry, recorded: Recorded, ask: Callable[[Recorded], None]
) -> None:
    ask(recorded)
    assert PROMPT in recorded.asked[0]
    assert PROMPT not in str([whole(span) for span in switched_on.spans])


def test_content_is_kept_where_our_setting_asks_for_it(recorded: Recorded) -> None:
    made = new_telemetry(Settings(capture_content="span"))
    adapter = TraceloopAdapter(made.calls, provider=made.provider)
    adapter.install()
    by_groq(recorded)
    adapter.uninstall()
    assert PROMPT in str(whole(made.spans[0]))
    made.runtime.shutdown()


def test_a_span_around_such_a_call_is_covered(switched_on: Telemetry, recorded: Recorded) -> None:
    with switched_on.tracer.start_as_current_span("chat", attributes={"gen_ai.usage.input_tokens": 100}):
        by_groq(recorded)
    outside = next(span for span in switched_on.spans if span.name == "chat")
    assert (outside.attributes or {})[names.SPANLEDGER_COVERED_BY] == "around"
    assert [value for _, value in switched_on.points("spanledger.calls")] == [1]


def test_what_somebody_else_has_switched_on_is_left_to_them(telemetry: Telemetry, recorded: Recorded) -> None:
    theirs = CohereInstrumentor()
    theirs.instrument(tracer_provider=telemetry.provider)
    adapter = TraceloopAdapter(telemetry.calls, provider=telemetry.provider)
    adapter.install()
    by_cohere(recorded)
    adapter.uninstall()
    assert theirs.is_instrumented_by_opentelemetry
    theirs.uninstrument()
    assert len(telemetry.spans) == 1


def test_after_uninstall_clients_are_as_they_were(telemetry: Telemetry, recorded: Recorded) -> None:
    adapter = TraceloopAdapter(telemetry.calls, provider=telemetry.provider)
    adapter.install()
    adapter.uninstall()
    for ask in (by_cohere, by_groq, gemini):
        ask(recorded)
    assert telemetry.spans == []
