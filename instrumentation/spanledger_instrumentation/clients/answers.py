"""What readers of answers share, whoever answered."""

from __future__ import annotations

import json
from typing import Any

from spanledger.semconv import names
from spanledger_instrumentation.clients.shapes import mapping

#: Events are kept for an estimate up to this size, in bytes.
KEPT = 4 * 1024 * 1024


class ProviderError(Exception):
    """The provider reported an error in an answer that HTTP calls a success. `error_type` is what spans say."""

    def __init__(self, reported: object, error_type: str) -> None:
        super().__init__(str(mapping(reported).get("message") or reported)[:200])
        self.error_type = error_type


def payload(event: bytes) -> dict[str, Any] | None:
    """The JSON object in an event's data lines, if there is one."""
    lines = [line[5:].lstrip() for line in event.splitlines() if line.startswith(b"data:")]
    try:
        found = json.loads(b"\n".join(lines))
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def finish(reasons: list[str], tools: list[str]) -> dict[str, Any]:
    """Why the model stopped, and which tools it asked for, as attributes."""
    attributes: dict[str, Any] = {}
    if reasons:
        attributes[names.GEN_AI_RESPONSE_FINISH_REASONS] = reasons
    if tools:
        attributes[names.SPANLEDGER_RESPONSE_TOOL_CALLS] = tools
    return attributes


def valid_json(said: str | None) -> bool:
    """Whether an answer that had to be JSON is JSON."""
    try:
        json.loads(said or "")
    except ValueError:
        return False
    return True
