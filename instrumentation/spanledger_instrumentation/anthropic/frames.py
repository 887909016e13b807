"""Events of a message in Amazon's framing, in which Bedrock sends them: base64 in the JSON of a binary message."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from spanledger.stream import Ends, EventReader, EventTap
from spanledger_instrumentation.clients.framing import Messages
from spanledger_instrumentation.clients.shapes import mapping


class FrameTap(EventTap):
    """Shows a reader the events in frames as if they had come as server-sent events. What passes stays as it is."""

    def __init__(self, call: Ends, reader: EventReader) -> None:
        super().__init__(call, reader)
        self._messages = Messages()

    def _events(self, data: bytes) -> bytes:
        for message in self._messages.feed(data):
            event = _event(message)
            if event is not None:
                self._reader.event(b"data: " + event)
        return b""


def _event(message: Mapping[str, Any]) -> bytes | None:
    """The event in a message, as JSON; an exception as the error that Anthropic would tell."""
    for name, payload in message.items():
        if isinstance(chunk := mapping(payload).get("bytes"), str):
            return base64.b64decode(chunk)
        if name != "chunk" and "message" in mapping(payload):
            return json.dumps({"type": "error", "error": {**payload, "type": name}}).encode()
    return None
