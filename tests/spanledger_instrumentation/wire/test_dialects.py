"""Providers that speak neither OpenAI's nor Anthropic's language: what they tell of tokens arrives on the span."""

from __future__ import annotations

import base64
import binascii
import json
import struct
from dataclasses import dataclass
from typing import Any

import pytest
from tests.spanledger_instrumentation.wire.conftest import Says, Server
from tests.support.telemetry import Telemetry, telemetry
from tests.support.ways import JSON, WAYS, Way, written

from spanledger.config import Settings
from spanledger.semconv import names
from spanledger_instrumentation.wire import WireAdapter

SAID = [{"role": "user", "content": "Hello"}]
CONTENTS = {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}
EVENTS, FRAMES, LINES = "text/event-stream", "application/vnd.amazon.eventstream", "application/x-ndjson"


def frame(kind: str, document: Any) -> bytes:
    """A message of Amazon's event streams."""
    headers = b""
    for name, value in ((":message-type", "event"), (":event-type", kind)):
        headers += bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
    payload = json.dumps(document).encode()
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack(">I", binascii.crc32(prelude)) + headers + payload
    return message + struct.pack(">I", binascii.crc32(message))


def packed(document: Any) -> bytes:
    """A message of an invocation, whose document is in base64."""
    return frame("chunk", {"bytes": base64.b64encode(json.dumps(document).encode()).decode()})


def sse(document: Any) -> bytes:
    return b"data: " + json.dumps(document).encode() + b"\r\n\r\n"


def indented(document: Any) -> bytes:
    return json.dumps(document, indent=2).encode()


def gemini(text: str, **more: Any) -> dict[str, Any]:
    candidate = {"content": {"parts": [{"text": text}], "role": "model"}, **more}
    usage = {"promptTokenCount": 11, "candidatesTokenCount": 5, "thoughtsTokenCount": 2, "totalTokenCount": 18}
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "gemini-2.5-flash", "responseId": "r1"}


OLLAMA = {"model": "llama3.2", "done": True, "done_reason": "stop", "prompt_eval_count": 11, "eval_count": 7}
CONVERSED = {"inputTokens": 11, "outputTokens": 7, "totalTokens": 18}
COHERE = {"tokens": {"input_tokens": 11, "output_tokens": 7}, "billed_units": {"input_tokens": 11, "output_tokens": 7}}
CLAUDE = {"type": "message", "model": "claude-haiku-4-5", "content": [], "stop_reason": "end_turn"}


@dataclass(frozen=True)
class Case:
    """A request and its answer. Each uses 11 tokens in and 7 out."""

    path: str
    body: dict[str, Any]
    pieces: list[bytes]
    kind: str
    model: str
    provider: str


def plain(path: str, body: dict[str, Any], answer: Any, model: str, provider: str) -> Case:
    return Case(path, body, [json.dumps(answer).encode()], "application/json", model, provider)


CASES = {
    "gemini": plain(
        "/v1beta/models/gemini-2.5-flash:generateContent",
        CONTENTS,
        gemini("Hi", finishReason="STOP"),
        "gemini-2.5-flash",
        "gcp.gemini",
    ),
    "gemini stream": Case(
        "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
        CONTENTS,
        [sse(gemini("Hi")), sse(gemini(" there", finishReason="STOP"))],
        EVENTS,
        "gemini-2.5-flash",
        "gcp.gemini",
    ),
    "gemini array": Case(
        "/v1beta/models/gemini-2.5-flash:streamGenerateContent",
        CONTENTS,
        [b"[" + indented(gemini("Hi")), b"\n,\r\n" + indented(gemini(" you", finishReason="STOP")), b"\n]\n"],
        "application/json",
        "gemini-2.5-flash",
        "gcp.gemini",
    ),
    "converse": plain(
        "/model/amazon.nova-lite-v1%3A0/converse",
        {"messages": SAID},
        {"usage": CONVERSED, "stopReason": "end_turn", "output": {"message": {"content": [{"text": "Hi"}]}}},
        "amazon.nova-lite-v1:0",
        "aws.bedrock",
    ),
    "converse stream": Case(
        "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.amazon.nova-lite-v1%3A0/converse-stream",
        {"messages": SAID},
        [
            frame("contentBlockDelta", {"delta": {"text": "Hi"}}),
            frame("messageStop", {"stopReason": "end_turn"}),
            frame("metadata", {"usage": CONVERSED}),
        ],
        FRAMES,
        "arn:aws:bedrock:us-east-1:1:inference-profile/us.amazon.nova-lite-v1:0",
        "aws.bedrock",
    ),
    "invoke": plain(
        "/model/anthropic.claude-haiku-4-5-20251001-v1%3A0/invoke",
        {"messages": SAID, "max_tokens": 9},
        {**CLAUDE, "usage": {"input_tokens": 11, "output_tokens": 7}},
        "anthropic.claude-haiku-4-5-20251001-v1:0",
        "aws.bedrock",
    ),
    "invoke stream": Case(
        "/model/anthropic.claude-haiku-4-5-20251001-v1%3A0/invoke-with-response-stream",
        {"messages": SAID, "max_tokens": 9},
        [
            packed({"type": "message_start", "message": {**CLAUDE, "usage": {"input_tokens": 11, "output_tokens": 1}}}),
            packed({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7}}),
            packed(
                {
                    "type": "message_stop",
                    "amazon-bedrock-invocationMetrics": {"inputTokenCount": 11, "outputTokenCount": 7},
                }
            ),
        ],
        FRAMES,
        "anthropic.claude-haiku-4-5-20251001-v1:0",
        "aws.bedrock",
    ),
    "cohere": plain(
        "/v2/chat",
        {"model": "command-r-08-2024", "messages": SAID},
        {"id": "1", "finish_reason": "COMPLETE", "usage": COHERE},
        "command-r-08-2024",
        "cohere",
    ),
    "cohere stream": Case(
        "/v2/chat",
        {"model": "command-r-08-2024", "messages": SAID, "stream": True},
        [
            sse({"type": "content-delta", "delta": {"message": {"content": {"text": "Hi"}}}}),
            sse({"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": COHERE}}),
        ],
        EVENTS,
        "command-r-08-2024",
        "cohere",
    ),
    "ollama": plain(
        "/api/chat", {"model": "llama3.2", "messages": SAID, "stream": False}, OLLAMA, "llama3.2", "ollama"
    ),
    "ollama stream": Case(
        "/api/chat",
        {"model": "llama3.2", "messages": SAID},
        [
            json.dumps({"model": "llama3.2", "message": {"content": "Hi"}, "done": False}).encode() + b"\n",
            json.dumps(OLLAMA).encode() + b"\n",
        ],
        LINES,
        "llama3.2",
        "ollama",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_tokens_of_other_dialects_are_metered(way: Way, name: str, server: Server) -> None:
    case = CASES[name]
    host = server.url.partition("://")[2]
    made = telemetry(Settings(wire_hosts=((host, case.provider),)))
    adapter = WireAdapter(made.calls)
    adapter.install()
    server.answer = lambda _: Says(case.pieces, case.kind)
    try:
        seen = way.ask(server.url + case.path, written(case.body), JSON)
    finally:
        adapter.uninstall()
    found = made.attributes
    assert seen.body == b"".join(case.pieces)
    assert server.asked[0].body == written(case.body)
    assert found[names.GEN_AI_REQUEST_MODEL] == case.model
    assert found[names.GEN_AI_PROVIDER_NAME] == case.provider
    assert (found[names.GEN_AI_USAGE_INPUT_TOKENS], found[names.GEN_AI_USAGE_OUTPUT_TOKENS]) == (11, 7)
    assert names.SPANLEDGER_USAGE_ESTIMATED not in found
    made.runtime.shutdown()


def test_a_stream_in_lines_is_read_as_it_comes(wired: Telemetry, server: Server) -> None:
    pieces = [b'{"candidates":[{"content":{"parts":[{"text":"' + b"word " * 20 + b'"}]}}]}']
    server.answer = lambda _: Says([b"data: " + pieces[0] + b"\n\n"], EVENTS, hangs=True)
    url = f"{server.url}/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"
    WAYS["httpx"].stream(url, written(CONTENTS), JSON, lines=1)
    found = wired.attributes
    assert found[names.SPANLEDGER_USAGE_ESTIMATED] is True
    assert found[names.GEN_AI_USAGE_OUTPUT_TOKENS] >= 25
