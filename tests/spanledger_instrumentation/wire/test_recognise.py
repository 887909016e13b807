"""What is a call to a model, and whose: by path, host and the shape of the body."""

from __future__ import annotations

import json
from typing import Any

import pytest

from spanledger import config
from spanledger_instrumentation.wire.gate import Gate
from spanledger_instrumentation.wire.hosts import Hosts
from spanledger_instrumentation.wire.recognise import Asked, recognise

MESSAGES = [{"role": "user", "content": "Hello"}]
CHAT = {"model": "m", "messages": MESSAGES}
VERTEX = "https://europe-west1-aiplatform.googleapis.com/v1/projects/p/locations/l/publishers"
BEDROCK = "https://bedrock-runtime.us-east-1.amazonaws.com/model"


def asked(url: str, body: object, told: str = "") -> Asked | None:
    """What is recognised in a POST."""
    host, _, path = url.partition("://")[2].partition("/")
    name, _, port = host.partition(":")
    found = Gate.route("POST", f"/{path}")
    settings = config.read({"SPANLEDGER_WIRE_HOSTS": told})
    assert settings.problems == ()
    body = json.dumps(body).encode() if isinstance(body, (dict, list)) else body
    hosts = Hosts(settings.wire_hosts or ())
    return recognise(found, name, int(port) if port else None, body, hosts) if found else None


CALLS: list[tuple[str, dict[str, Any], tuple[str, str, str | None, bool]]] = [
    ("https://api.openai.com/v1/chat/completions", CHAT, ("chat", "openai", "m", False)),
    ("https://api.openai.com/v1/chat/completions", {**CHAT, "stream": True}, ("chat", "openai", "m", True)),
    ("https://api.openai.com/v1/embeddings", {"model": "m", "input": "x"}, ("embeddings", "openai", "m", False)),
    ("https://api.openai.com/v1/completions", {"model": "m", "prompt": "x"}, ("completions", "openai", "m", False)),
    ("https://api.openai.com/v1/responses", {"model": "m", "input": "x"}, ("responses", "openai", "m", False)),
    ("https://api.openai.com/v1/responses", {"prompt": {"id": "p"}}, ("responses", "openai", None, False)),
    ("http://10.0.0.7:8000/v1/chat/completions", CHAT, ("chat", "openai", "m", False)),
    ("https://api.groq.com/openai/v1/chat/completions", CHAT, ("chat", "groq", "m", False)),
    ("https://api.mistral.ai/v1/chat/completions?x=1", CHAT, ("chat", "mistral_ai", "m", False)),
    ("https://api.perplexity.ai/chat/completions", CHAT, ("chat", "perplexity", "m", False)),
    (
        "https://generativelanguage.googleapis.com/v1beta/openai/embeddings",
        {"model": "m", "input": "x"},
        ("embeddings", "gcp.gemini", "m", False),
    ),
    (
        "https://me.openai.azure.com/openai/deployments/mine/chat/completions?api-version=1",
        {"messages": MESSAGES},
        ("chat", "azure.ai.openai", "mine", False),
    ),
    (
        "http://127.0.0.1:9/openai/deployments/mine/embeddings",
        {"input": "x"},
        ("embeddings", "azure.ai.openai", "mine", False),
    ),
    ("https://api.anthropic.com/v1/messages", CHAT, ("anthropic", "anthropic", "m", False)),
    ("http://gateway.internal/anthropic/v1/messages", CHAT, ("anthropic", "anthropic", "m", False)),
    (
        f"{VERTEX}/anthropic/models/claude-haiku-4-5@20251001:streamRawPredict",
        {"messages": MESSAGES},
        ("anthropic", "gcp.vertex_ai", "claude-haiku-4-5@20251001", True),
    ),
    (
        f"{VERTEX}/mistralai/models/mistral-large:rawPredict",
        CHAT,
        ("chat", "gcp.vertex_ai", "m", False),
    ),
    (
        f"{VERTEX}/google/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
        {"contents": MESSAGES},
        ("gemini", "gcp.vertex_ai", "gemini-2.5-flash", True),
    ),
    (
        "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent",
        {"contents": MESSAGES},
        ("gemini", "gcp.gemini", "gemini-2.5-flash", False),
    ),
    (
        "https://generativelanguage.googleapis.com/v1beta/models/gemini-embedding-001:batchEmbedContents",
        {"requests": MESSAGES},
        ("gemini", "gcp.gemini", "gemini-embedding-001", False),
    ),
    (
        f"{BEDROCK}/us.anthropic.claude-haiku-4-5-v1%3A0/converse-stream",
        {"messages": MESSAGES},
        ("bedrock.converse", "aws.bedrock", "us.anthropic.claude-haiku-4-5-v1:0", True),
    ),
    (
        f"{BEDROCK}/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.amazon.nova-lite-v1%3A0/converse",
        {"messages": MESSAGES},
        (
            "bedrock.converse",
            "aws.bedrock",
            "arn:aws:bedrock:us-east-1:1:inference-profile/us.amazon.nova-lite-v1:0",
            False,
        ),
    ),
    (
        f"{BEDROCK}/amazon.titan-embed-text-v2%3A0/invoke",
        {"inputText": "x"},
        ("bedrock.invoke", "aws.bedrock", "amazon.titan-embed-text-v2:0", False),
    ),
    ("https://api.cohere.com/v2/chat", CHAT, ("cohere", "cohere", "m", False)),
    ("https://api.cohere.com/v2/embed", {"model": "m", "texts": ["x"]}, ("cohere", "cohere", "m", False)),
    ("http://localhost:11434/api/chat", CHAT, ("ollama", "ollama", "m", True)),
    ("http://ollama/api/generate", {"model": "m", "prompt": "x", "stream": False}, ("ollama", "ollama", "m", False)),
    ("http://localhost:11434/api/embed", {"model": "m", "input": "x"}, ("ollama", "ollama", "m", False)),
]


@pytest.mark.parametrize(("url", "body", "expected"), CALLS, ids=[f"{url}" for url, *_ in CALLS])
def test_a_call_is_told_by_its_path_and_body(
    url: str, body: dict[str, Any], expected: tuple[str, str, str | None, bool]
) -> None:
    found = asked(url, body)
    assert found is not None
    assert (found.route.dialect, found.provider, found.model, found.stream) == expected


OTHERS: list[tuple[str, object]] = [
    ("https://api.openai.com/v1/models", CHAT),
    ("https://api.openai.com/v1/files", CHAT),
    ("https://api.anthropic.com/v1/messages/count_tokens", CHAT),
    ("https://api.anthropic.com/v1/messages/batches", {"requests": []}),
    ("https://generativelanguage.googleapis.com/v1beta/models/m:countTokens", {"contents": MESSAGES}),
    ("http://shop.internal/v1/chat/completions", {"query": "Hello"}),
    ("http://shop.internal/v1/chat/completions", {"messages": MESSAGES}),
    ("http://shop.internal/v1/chat/completions", {"model": "m", "messages": []}),
    ("http://shop.internal/v1/chat/completions", {"model": 7, "messages": MESSAGES}),
    ("http://shop.internal/v1/chat/completions", b"\x1f\x8b not JSON"),
    ("http://shop.internal/v1/chat/completions", b"[1, 2]"),
    ("http://shop.internal/v1/chat/completions", iter([b"{}"])),
    ("http://shop.internal/survey/responses", {"model": "m", "input": "x"}),
    ("http://shop.internal/api/v1/messages", {"to": "you", "messages": "hi"}),
    ("http://shop.internal/api/chat", CHAT),
    ("http://shop.internal/v2/chat", CHAT),
    ("http://shop.internal/api/generate", {"model": "m", "prompt": "x"}),
    ("http://shop.internal/generate", {"inputs": "x"}),
    ("http://shop.internal/orders", CHAT),
]


@pytest.mark.parametrize(("url", "body"), OTHERS)
def test_everything_else_is_left_alone(url: str, body: object) -> None:
    assert asked(url, body) is None


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
def test_only_a_post_asks_a_model_to_work(method: str) -> None:
    assert Gate.route(method, "/v1/chat/completions") is None


def test_a_body_that_cannot_be_seen_counts_where_the_host_is_a_providers() -> None:
    found = asked("https://api.openai.com/v1/chat/completions", iter([b"{}"]))
    assert found is not None
    assert (found.provider, found.model, dict(found.body)) == ("openai", None, {})


TOLD: list[tuple[str, str, str | None]] = [
    ("gw.internal=groq", "http://gw.internal/v1/chat/completions", "groq"),
    ("gw.internal:8000=groq", "http://gw.internal:8000/v1/chat/completions", "groq"),
    ("gw.internal:8000=groq", "http://gw.internal:9000/v1/chat/completions", "openai"),
    (".internal=vllm", "http://a.b.internal/v1/chat/completions", "vllm"),
    ("-gw.internal", "http://gw.internal/v1/chat/completions", None),
    ("-.internal", "http://a.b.internal/v1/chat/completions", None),
    ("-api.openai.com", "https://api.openai.com/v1/chat/completions", None),
    ("box=ollama", "http://box/api/chat", "ollama"),
    ("box=cohere", "http://box/api/chat", None),
    ("box=cohere; other=groq", "http://box/v2/chat", "cohere"),
]


@pytest.mark.parametrize(("told", "url", "provider"), TOLD)
def test_what_the_user_says_of_a_host_comes_first(told: str, url: str, provider: str | None) -> None:
    found = asked(url, CHAT, told)
    assert (found.provider if found else None) == provider
