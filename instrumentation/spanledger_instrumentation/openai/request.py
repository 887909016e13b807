"""Reads what is known of an OpenAI call before it is sent. Pure: no client, no network."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal
from urllib.parse import urlsplit

from spanledger.messages import Request
from spanledger.semconv import names
from spanledger_instrumentation.clients.whom import Whom, by_host, of_class

Api = Literal[
    "chat",
    "completions",
    "embeddings",
    "responses",
    "moderations",
    "decisions",
    "transcriptions",
    "speech",
    "images",
    "realtime",
]

#: Which API a path belongs to, and its operation. The conventions name none for audio and pictures; those are ours.
_APIS: dict[str, tuple[Api, str]] = {
    "/chat/completions": ("chat", "chat"),
    "/completions": ("completions", "text_completion"),
    "/embeddings": ("embeddings", "embeddings"),
    "/responses": ("responses", "chat"),
    "/responses/compact": ("responses", "chat"),
    "/moderations": ("moderations", "moderation"),
    "/decisions": ("decisions", "chat"),
    "/audio/transcriptions": ("transcriptions", "transcription"),
    "/audio/translations": ("transcriptions", "translation"),
    "/audio/speech": ("speech", "speech"),
    "/images/generations": ("images", "image_generation"),
    "/images/edits": ("images", "image_generation"),
    "/images/variations": ("images", "image_generation"),
}
_RETRIEVED = re.compile(r"^/responses/([^/?]+)$")
#: Tells, as a reading does, how the response stands.
_CANCELLED = re.compile(r"^/responses/([^/?]+)/cancel$")
Step = Literal["upload", "submit", "look", "results"]
_STEPS: tuple[tuple[Step, str, re.Pattern[str]], ...] = (
    ("upload", "post", re.compile(r"^/files()$")),
    ("submit", "post", re.compile(r"^/batches()$")),
    ("look", "get", re.compile(r"^/batches(?:/([^/]+))?$")),
    ("look", "post", re.compile(r"^/batches/([^/]+)/cancel$")),
    ("results", "get", re.compile(r"^/files/([^/]+)/content$")),
)
#: What may stand before such a path: Azure's deployments, and versions of a base URL that ends before them.
_PREFIX = re.compile(r"^.*?/(?:deployments/[^/]+(?=/)|v\d+(?=/))")

_NUMBERS: tuple[tuple[str, str, type], ...] = (
    ("temperature", names.GEN_AI_REQUEST_TEMPERATURE, float),
    ("top_p", names.GEN_AI_REQUEST_TOP_P, float),
    ("frequency_penalty", names.GEN_AI_REQUEST_FREQUENCY_PENALTY, float),
    ("presence_penalty", names.GEN_AI_REQUEST_PRESENCE_PENALTY, float),
    ("max_tokens", names.GEN_AI_REQUEST_MAX_TOKENS, int),
    ("max_completion_tokens", names.GEN_AI_REQUEST_MAX_TOKENS, int),
    ("max_output_tokens", names.GEN_AI_REQUEST_MAX_TOKENS, int),
    ("seed", names.GEN_AI_REQUEST_SEED, int),
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a path asks for. `retrieved` is the id of a response that is read again."""

    api: Api
    operation: str
    retrieved: str | None = None


def path_of(url: str) -> str:
    """The path of a request below the version or the deployment."""
    return "/" + _PREFIX.sub("", urlsplit(url).path).strip("/")


@lru_cache(maxsize=1024)
def endpoint(method: str, path: str) -> Endpoint | None:
    """The endpoint that makes a model work, or reads such work again; None for everything else."""
    path, method = path_of(path), method.lower()
    if method == "post" and (found := _APIS.get(path)):
        return Endpoint(*found)
    again = {"get": _RETRIEVED, "post": _CANCELLED}.get(method)
    if again is not None and (response := again.match(path)):
        return Endpoint("responses", "chat", response.group(1))
    return None


@lru_cache(maxsize=1024)
def batch_step(method: str, path: str) -> tuple[Step, str] | None:
    """Which step of a batch of the files API a request is, with the id of batch or file that the path names."""
    path, method = path_of(path), method.lower()
    for step, wanted, pattern in _STEPS:
        if method == wanted and (found := pattern.match(path)):
            return step, found.group(1) or ""
    return None


def provider(client: Any, host: str) -> str:
    """Whom a client calls. Any host that tells nothing counts as openai, or azure if it is Azure's client."""
    return by_host(host) or ("azure.ai.openai" if of_class(client, "Azure") else "openai")


def request(found: Endpoint, body: Mapping[str, Any], who: Whom, *, stream: bool) -> Request:
    """The facts of a request."""
    model = body.get("model")
    tier = body.get("service_tier")
    return Request(
        operation=found.operation,
        provider=who.provider,
        model=model if isinstance(model, str) else None,
        server_address=who.host or None,
        server_port=who.port,
        stream=stream,
        tier=tier if isinstance(tier, str) else None,
        key=who.key,
        attributes=_attributes(found.api, body),
    )


def _attributes(api: Api, body: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if api in ("chat", "responses"):
        found[names.OPENAI_API_TYPE] = "responses" if api == "responses" else "chat_completions"
    for key, name, kind in _NUMBERS:
        value = body.get(key)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
            found[name] = kind(value)
    n = body.get("n")
    if isinstance(n, int) and n != 1:
        found[names.GEN_AI_REQUEST_CHOICE_COUNT] = n
    stop = body.get("stop")
    if stop:
        sequences = [stop] if isinstance(stop, str) else list(stop) if isinstance(stop, (list, tuple)) else []
        found[names.GEN_AI_REQUEST_STOP_SEQUENCES] = [s for s in sequences if isinstance(s, str)]
    tier = body.get("service_tier")
    if isinstance(tier, str):
        found[names.OPENAI_REQUEST_SERVICE_TIER] = tier
    if output := _MADE.get(api) or _output_type(body):
        found[names.GEN_AI_OUTPUT_TYPE] = output
    encoding = body.get("encoding_format")
    if api == "embeddings" and isinstance(encoding, str):
        found[names.GEN_AI_REQUEST_ENCODING_FORMATS] = [encoding]
    return found


#: What an API makes, whatever the request says.
_MADE: dict[Api, str] = {"transcriptions": "text", "speech": "speech", "images": "image"}


def _output_type(body: Mapping[str, Any]) -> str | None:
    """What the answer's text must be: `response_format` of chat, `text.format` of the Responses API."""
    wanted = body.get("response_format")
    text = body.get("text")
    if wanted is None and isinstance(text, Mapping):
        wanted = text.get("format")
    kind = wanted.get("type") if isinstance(wanted, Mapping) else None
    return {"json_schema": "json", "json_object": "json", "text": "text"}.get(kind) if isinstance(kind, str) else None


def wants_json(body: Mapping[str, Any]) -> bool:
    """Whether the answer was asked for as JSON."""
    return _output_type(body) == "json"
