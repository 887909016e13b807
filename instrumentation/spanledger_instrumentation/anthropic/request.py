"""Reads what is known of an Anthropic call before it is sent. Pure: no client, no network."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from spanledger.messages import Request
from spanledger.semconv import names
from spanledger_instrumentation.clients.shapes import mapping
from spanledger_instrumentation.clients.whom import Whom, by_host, of_class

#: Messages as Anthropic serves them, and as Bedrock and Vertex do.
_MESSAGES = re.compile(r"(?:^|/)v1/messages$")
_BEDROCK = re.compile(r"(?:^|/)model/([^/]+)/invoke(-with-response-stream)?$")
_VERTEX = re.compile(r"/publishers/anthropic/models/([^/:]+):(stream)?[rR]awPredict$")
_BATCHES = re.compile(r"(?:^|/)v1/messages/batches$")
_RESULTS = re.compile(r"(?:^|/)v1/messages/batches/([^/]+)/results$")
_NUMBERS: tuple[tuple[str, str, type], ...] = (
    ("max_tokens", names.GEN_AI_REQUEST_MAX_TOKENS, int),
    ("temperature", names.GEN_AI_REQUEST_TEMPERATURE, float),
    ("top_p", names.GEN_AI_REQUEST_TOP_P, float),
    ("top_k", names.GEN_AI_REQUEST_TOP_K, int),
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a path asks for. `model` and `stream` where the path tells them, as Bedrock's and Vertex's do."""

    api: Literal["messages", "batches", "results"]
    model: str | None = None
    stream: bool = False
    batch: str | None = None


def endpoint(method: str, url: str) -> Endpoint | None:
    """The endpoint of a request of the client; None if no model is asked to work there (tokens that are counted)."""
    path = urlsplit(url).path
    if method.lower() == "get":
        results = _RESULTS.search(path)
        return Endpoint("results", batch=results.group(1)) if results else None
    if method.lower() != "post":
        return None
    if _MESSAGES.search(path):
        return Endpoint("messages")
    if _BATCHES.search(path):
        return Endpoint("batches")
    if found := _BEDROCK.search(path) or _VERTEX.search(path):
        model = unquote(found.group(1))
        return Endpoint("messages", model, found.group(2) is not None) if model != "count-tokens" else None
    return None


def provider(client: Any, host: str) -> str:
    """Whom a client calls: the platform of its class, which may hide behind any host, or else who the host says."""
    if of_class(client, "Bedrock"):
        return "aws.bedrock"
    if of_class(client, "Vertex"):
        return "gcp.vertex_ai"
    if of_class(client, "Foundry", "AWS", "GoogleCloud"):
        return "anthropic"  # resold under Anthropic's own prices
    return by_host(host) or "anthropic"


def request(found: Endpoint, body: Mapping[str, Any], who: Whom, *, stream: bool) -> Request:
    """The facts of a request."""
    model = body.get("model", found.model)
    tier = "fast" if body.get("speed") == "fast" else body.get("service_tier")
    return Request(
        operation="chat",
        provider=who.provider,
        model=model if isinstance(model, str) else None,
        server_address=who.host or None,
        server_port=who.port,
        stream=stream,
        tier=tier if isinstance(tier, str) else None,
        key=who.key,
        attributes=_attributes(body),
    )


def _attributes(body: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, name, kind in _NUMBERS:
        value = body.get(key)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
            found[name] = kind(value)
    stop = body.get("stop_sequences")
    if isinstance(stop, (list, tuple)) and stop:
        found[names.GEN_AI_REQUEST_STOP_SEQUENCES] = [s for s in stop if isinstance(s, str)]
    if wants_json(body):
        found[names.GEN_AI_OUTPUT_TYPE] = "json"
    return found


def wants_json(body: Mapping[str, Any]) -> bool:
    """Whether the answer was asked for as JSON: `output_config.format`, or `output_format` as betas had it."""
    wanted = mapping(body.get("output_config")).get("format") or body.get("output_format")
    return mapping(wanted).get("type") == "json_schema"
