"""What is known of a call: before it is sent, and when it was answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from opentelemetry import trace

from spanledger.usage import Usage


@dataclass(frozen=True, slots=True)
class Request:
    """What is known of a call before it is sent. `attributes` are further `gen_ai.request.*` and the like.

    `key` is a fingerprint of the API key, never the key.
    """

    operation: str
    provider: str
    model: str | None = None
    server_address: str | None = None
    server_port: int | None = None
    stream: bool = False
    tier: str | None = None
    key: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    links: tuple[trace.Link, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider answered, as far as it was seen. `attributes` are further `gen_ai.response.*` and the like."""

    usage: Usage | None = None
    model: str | None = None
    tier: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    error: BaseException | None = None
    """What the provider says went wrong, in an answer that HTTP calls a success."""
    instead: Callable[[], Usage | None] | None = field(default=None, compare=False)
    """Estimates the usage, in case that the one told is more than the model can take and give; None where it may be."""
    parts: tuple[Usage, ...] = ()
    """The usages that `usage` is the sum of, where they are priced one by one: the requests of a batch."""
    beside: tuple[Answer, ...] = ()
    """What other models did on the way, asked by the provider itself; each becomes a call of its own below this."""


NOTHING = Answer()
