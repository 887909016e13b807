"""Rate-limit headers: how much of a provider's window is left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spanledger.semconv import names

_NAMES = (
    names.SPANLEDGER_RATELIMIT_LIMIT_REQUESTS,
    names.SPANLEDGER_RATELIMIT_LIMIT_TOKENS,
    names.SPANLEDGER_RATELIMIT_REMAINING_REQUESTS,
    names.SPANLEDGER_RATELIMIT_REMAINING_TOKENS,
)


@dataclass(frozen=True, slots=True)
class RateLimits:
    """How a provider spells its headers: what all begin with, and the attribute that each of the rest becomes."""

    prefix: bytes
    names: Mapping[bytes, str]

    @classmethod
    def spelled(cls, prefix: bytes, *rest: bytes) -> RateLimits:
        """`rest`: limit of requests, limit of tokens, remaining requests, remaining tokens."""
        return cls(prefix, dict(zip(rest, _NAMES, strict=True)))

    def read(self, headers: Any) -> dict[str, int]:
        """What the headers of an httpx response say. Read in their raw form, which is quicker than four look-ups."""
        found = {}
        prefix = self.prefix
        size = len(prefix)
        for header, value in headers.raw:
            if len(header) > size and header[:size].lower() == prefix:
                name = self.names.get(header[size:].lower())
                if name is not None and value.strip().isdigit():
                    found[name] = int(value)
        return found
