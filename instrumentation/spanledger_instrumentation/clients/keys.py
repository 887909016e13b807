"""API keys: which one a request is sent with, told by a fingerprint. A key itself is never kept or passed on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

#: The headers in which providers take keys, in small letters: OpenAI's, Anthropic's, Azure's, Google's.
_HEADERS = ("authorization", "x-api-key", "api-key", "x-goog-api-key")
#: How that begins which is no key: passes that expire within the hour (JSON web tokens, Google's), signatures of
#: Amazon's requests, and what OpenAI's client for Azure has where it was given none.
_NO_KEYS = ("eyJ", "ya29.", "AWS4-", "<")


def fingerprint(secret: str | None) -> str | None:
    """The first 64 bits of a key's SHA-256, in hexadecimal: the same in every process, and no way back to the key.

    None for what is no key: it changes while who uses it stays the same, so no budget could be kept for it.
    """
    if not secret or secret.startswith(_NO_KEYS):
        return None
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def secret_of(client: Any) -> str | None:
    """The key that a client was made with; None where it has none, or a function hands one out for each request."""
    if getattr(client, "_api_key_provider", None) is not None:
        return None
    for name in ("api_key", "auth_token"):
        if isinstance(found := getattr(client, name, None), str) and found:
            return found
    return None


def given(headers: Mapping[Any, Any]) -> str | None:
    """The key in the headers of a request, whatever case their names are in; None where there is none."""
    found = {str(name).lower(): value for name, value in headers.items() if isinstance(value, str)}
    for name in _HEADERS:
        if name in found:
            scheme, _, rest = found[name].strip().partition(" ")
            return rest.strip() if scheme.lower() == "bearer" else found[name].strip()
    return None
