"""How many bytes a request has: an upper bound of the tokens in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

#: Bytes that we may add to a body ourselves: a cap, another model's name, the request for usage.
ADDED = 160


def size(body: Mapping[str, Any]) -> int:
    """Bytes of a body before it is sent, as JSON that escapes nothing it need not."""
    return len(json.dumps(body, ensure_ascii=False, default=str).encode("utf-8", "replace"))


def sent(body: object) -> int | None:
    """Bytes of a body as an HTTP library is given it; None where it is yet to be read."""
    if isinstance(body, Mapping):
        return size(body)
    if isinstance(body, str):
        return len(body.encode("utf-8", "replace"))
    return len(body) if isinstance(body, (bytes, bytearray)) else None


def bytes_of(request: Any) -> int | None:
    """Bytes of the body of an HTTP request that is ready to be sent; None if it is no such or does not say."""
    headers: Any = getattr(request, "headers", None)
    length = headers.get("content-length") if hasattr(headers, "get") else None
    return int(length) if isinstance(length, str) and length.isdigit() else None
