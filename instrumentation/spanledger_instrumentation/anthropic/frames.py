"""Amazon's event-stream framing, in which Bedrock sends the events of a message.

A frame is: its whole length and the length of its headers (four bytes each, big endian), a checksum of those, headers,
payload, a checksum. The payload of a chunk is JSON that holds the event in base64 (Amazon Transcribe, "Event stream
encoding"; Bedrock, "InvokeModelWithResponseStream").
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator

from spanledger.stream import EventTap
from spanledger_instrumentation.clients.shapes import mapping, text

_LENGTHS = struct.Struct(">II")
_PRELUDE, _CHECKSUM = 12, 4
#: Types of header values: how many bytes each takes. Those of 6 and 7 tell their length first.
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}


class FrameTap(EventTap):
    """Shows a reader the events in frames as if they had come as server-sent events. What passes stays as it is."""

    def _events(self, data: bytes) -> bytes:
        data = self._released() + data
        while len(data) >= _PRELUDE:
            size, headers = _LENGTHS.unpack_from(data)
            if size < _PRELUDE + headers + _CHECKSUM:
                return b""  # no frames at all: nothing further can be understood
            if size > len(data):
                break
            event = _event(data[:size], _PRELUDE + headers)
            if event is not None:
                self._reader.event(b"data: " + event)
            data = data[size:]
        if data:
            self._held.append(data)
        return b""


def _event(frame: bytes, begin: int) -> bytes | None:
    """The event in a frame whose payload begins there, as JSON; an exception as the error that Anthropic would tell."""
    try:
        payload = mapping(json.loads(frame[begin:-_CHECKSUM]))
    except ValueError:
        return None
    if isinstance(chunk := payload.get("bytes"), str):
        return base64.b64decode(chunk)
    headers = dict(_headers(frame[_PRELUDE:begin]))
    code = headers.get(":exception-type") or headers.get(":error-code")
    if code is None:
        return None
    error = {"type": code, "message": text(payload.get("message")) or headers.get(":error-message", "")}
    return json.dumps({"type": "error", "error": error}).encode()


def _headers(data: bytes) -> Iterator[tuple[str, str]]:
    """The headers that are strings."""
    at = 0
    while at < len(data):
        named = at + 1 + data[at]
        name, kind = data[at + 1 : named].decode("utf-8", "replace"), data[named]
        if kind in (6, 7):
            begin = named + 3
            at = begin + int.from_bytes(data[named + 1 : begin], "big")
            if kind == 7:
                yield name, data[begin:at].decode("utf-8", "replace")
        else:
            at = named + 1 + _SIZES[kind]
