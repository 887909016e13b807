"""A context as text, for work that goes to another process: trace and scope, in headers beside the work."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from opentelemetry import propagate
from opentelemetry.context import Context

from spanledger import scope
from spanledger.scope import Scope

#: The header that names who pays: a JSON object under the names that travel.
HEADER = "spanledger"


def pack(ctx: Context) -> dict[str, str]:
    """The headers that carry a context: those of the global propagator, and ours.

    Baggage says what the scope says: an entry of ours that someone else put there, perhaps a client that nobody
    trusts, is left behind.
    """
    here = scope.current(ctx)
    headers: dict[str, str] = {}
    propagate.inject(headers, scope.inside(here, scope.without_baggage(ctx)))
    if entries := scope.entries(here):
        headers[HEADER] = json.dumps(entries)
    return headers


def unpack(headers: Mapping[str, Any]) -> Context:
    """The context that headers carry, its scope from our header alone. What cannot be read is left out."""
    texts = {key: value for key, value in headers.items() if isinstance(value, str)}
    ctx = scope.without_baggage(propagate.extract(texts, Context()))
    return scope.inside(_scope(texts.get(HEADER)), ctx)


def _scope(text: str | None) -> Scope:
    try:
        found = json.loads(text) if text else None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        return scope.EMPTY
    return scope.of({key: value for key, value in found.items() if isinstance(value, str)})
