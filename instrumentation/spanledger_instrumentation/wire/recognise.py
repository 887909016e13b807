"""Tells calls to models from all other requests, by path, host and the shape of the body. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry import trace

from spanledger.semconv import aliases, names
from spanledger_instrumentation.wire.hosts import Hosts
from spanledger_instrumentation.wire.paths import Route

#: Dialects whose requests name no model: a prompt kept by the provider does, or the server has but one.
_NAMELESS = ("responses", "llama_server", "text_generation")
#: A larger body is no prompt that anybody sends.
_LARGEST = 128 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that asks a model to work. `body` is empty where it could not be seen without consuming it.

    `key` is a fingerprint of the API key in its headers, None where there is none.
    """

    route: Route
    provider: str
    host: str
    port: int | None
    model: str | None
    body: Mapping[str, Any]
    stream: bool
    key: str | None = None


def parsed(body: object) -> Mapping[str, Any] | None:
    """The JSON object in a request's body; empty where the body is yet to be read, None where it is something else."""
    if isinstance(body, Mapping):
        return body
    if not isinstance(body, (bytes, bytearray, str)):
        return {}
    if len(body) > _LARGEST:
        return None
    try:
        found = json.loads(body)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def called_around(span: trace.Span) -> str | None:
    """The provider that a library's own span calls, whose HTTP request is about to be made in it."""
    attributes = getattr(span, "attributes", None)
    if getattr(span, "kind", None) is not trace.SpanKind.CLIENT or not isinstance(attributes, Mapping):
        return None
    said = aliases.canonical(attributes).get(names.GEN_AI_PROVIDER_NAME)
    return said.lower() if isinstance(said, str) else None


def recognise(
    route: Route, host: str, port: int | None, body: object, hosts: Hosts, said: str | None = None
) -> Asked | None:
    """The call that a POST makes; None if it is none of ours. `said` is the provider that the span around it calls.

    `body` as the HTTP library has it: an object that is yet to be written as JSON, text, bytes; anything else is an
    iterator or a file that is not ours to read, and counts only where the host is known to be a provider's.
    """
    provider = hosts.provider(host, port, route, said)
    found = parsed(body) if provider is not None else None
    if provider is None or found is None:
        return None
    if not _asks(route, found) and (found or not hosts.sure(host, port)):
        return None
    said = found.get("model")
    model = said if isinstance(said, str) and said else route.model
    return Asked(route, provider, host, port, model, found, _streams(route, found))


def _asks(route: Route, body: Mapping[str, Any]) -> bool:
    """Whether a body has the shape of what the path asks for: a model, named here or there, and something to say."""
    named = isinstance(body.get("model"), str) or route.model is not None
    return (named or route.dialect in _NAMELESS) and any(body.get(key) for key in route.needs)


def _streams(route: Route, body: Mapping[str, Any]) -> bool:
    """Whether the answer comes in pieces. Ollama does so unless told otherwise."""
    if route.dialect == "ollama" and route.operation != "embeddings":
        return body.get("stream") is not False
    return route.streams or body.get("stream") is True
