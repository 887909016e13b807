"""Paths of model APIs: what a POST to each asks for. Pure; the only part of us that other traffic meets."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal
from urllib.parse import unquote, urlsplit

Dialect = Literal[
    "chat", "completions", "embeddings", "responses", "anthropic",
    "gemini", "bedrock.converse", "bedrock.invoke", "cohere", "ollama", "llama_server", "text_generation",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Route:
    """What a path asks for.

    `needs`: keys of a body that asks for this; one of them is there. `provider` answers where the host is nobody's
    known; with `bound`, other APIs have such a path too, and only a host that is known to be that provider's counts.
    `model` is the one that the path names; `streams`, that it asks for a stream.
    """

    dialect: Dialect
    operation: str
    needs: tuple[str, ...]
    provider: str = "openai"
    bound: bool = False
    model: str | None = None
    streams: bool = False


#: What must stand before words that other APIs use as well.
_API = r"(?:/v\d+(?:alpha|beta)?\d*(?:/openai)?|/openai|/inference|/deployments/[^/]+)"
_MODEL = r"/models/(?P<model>[^/]+):"
_BEDROCK = r"/model/(?P<model>[^/]+)/"
_AZURE = "azure.ai.openai"
_PATHS: tuple[tuple[str, Route], ...] = (
    (r"/deployments/(?P<model>[^/]+)/chat/completions", Route("chat", "chat", ("messages",), _AZURE)),
    (r"/deployments/(?P<model>[^/]+)/completions", Route("completions", "text_completion", ("prompt",), _AZURE)),
    (r"/deployments/(?P<model>[^/]+)/embeddings", Route("embeddings", "embeddings", ("input",), _AZURE)),
    (r"/chat/completions", Route("chat", "chat", ("messages",))),
    (_API + r"/completions", Route("completions", "text_completion", ("prompt",))),
    (_API + r"/embeddings", Route("embeddings", "embeddings", ("input",))),
    (_API + r"/responses", Route("responses", "chat", ("input", "prompt", "previous_response_id"))),
    (r"/v\d+/messages", Route("anthropic", "chat", ("messages",), "anthropic")),
    (
        r"/publishers/anthropic" + _MODEL + r"(?:rawPredict|(?P<streams>streamRawPredict))",
        Route("anthropic", "chat", ("messages",), "gcp.vertex_ai"),
    ),
    (
        r"/publishers/mistralai" + _MODEL + r"(?:rawPredict|(?P<streams>streamRawPredict))",
        Route("chat", "chat", ("messages",), "gcp.vertex_ai"),
    ),
    (
        r"/publishers/google" + _MODEL + r"(?:generateContent|(?P<streams>streamGenerateContent))",
        Route("gemini", "generate_content", ("contents",), "gcp.vertex_ai"),
    ),
    (
        _MODEL + r"(?:generateContent|(?P<streams>streamGenerateContent))",
        Route("gemini", "generate_content", ("contents",), "gcp.gemini"),
    ),
    (
        _MODEL + r"(?:embedContent|batchEmbedContents)",
        Route("gemini", "embeddings", ("content", "requests"), "gcp.gemini"),
    ),
    (
        r"/publishers/google" + _MODEL + r"predict",
        Route("gemini", "generate_content", ("instances",), "gcp.vertex_ai"),
    ),
    (
        _BEDROCK + r"(?:converse|(?P<streams>converse-stream))",
        Route("bedrock.converse", "chat", ("messages",), "aws.bedrock"),
    ),
    (
        _BEDROCK + r"(?:invoke|(?P<streams>invoke-with-response-stream))",
        Route("bedrock.invoke", "chat", ("messages", "prompt", "inputText", "texts"), "aws.bedrock"),
    ),
    (r"/v[12]/chat", Route("cohere", "chat", ("messages", "message"), "cohere", bound=True)),
    (r"/v[12]/embed", Route("cohere", "embeddings", ("texts", "inputs", "images"), "cohere", bound=True)),
    (r"/v[12]/rerank", Route("cohere", "rerank", ("documents",), "cohere", bound=True)),
    (r"/api/chat", Route("ollama", "chat", ("messages",), "ollama", bound=True)),
    (r"/api/generate", Route("ollama", "text_completion", ("prompt",), "ollama", bound=True)),
    (r"/api/(?:embed|embeddings)", Route("ollama", "embeddings", ("input", "prompt"), "ollama", bound=True)),
    (r"/completion", Route("llama_server", "text_completion", ("prompt",), "llama_server", bound=True)),
    (
        r"/(?:generate|(?P<streams>generate_stream))",
        Route("text_generation", "text_completion", ("inputs",), "text_generation", bound=True),
    ),
)
_KNOWN = tuple((re.compile(path + "$"), route) for path, route in _PATHS)
#: How all of those end. Nearly all other traffic ends otherwise, and is told from it by that.
_ENDINGS = (
    "/completions", "/completion", "/embeddings", "/responses", "/messages", "redict", "Content", "Contents",
    "/converse", "/converse-stream", "/invoke", "/invoke-with-response-stream", "/chat", "/embed", "/rerank",
    "/generate", "/generate_stream",
)  # fmt: skip


def route(url: str) -> Route | None:
    """What a URL, or its path, asks a model for; None if it asks none."""
    path = url.partition("?")[0].rstrip("/")
    return _route(path) if path.endswith(_ENDINGS) else None


@lru_cache(maxsize=1024)
def _route(url: str) -> Route | None:
    path = urlsplit(url).path
    for pattern, found in _KNOWN:
        if at := pattern.search(path):
            named = at.groupdict()
            model = named.get("model")
            return replace(found, model=unquote(model) if model else None, streams=bool(named.get("streams")))
    return None
