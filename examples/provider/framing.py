"""How the events of a stream, or the lines of a file, go over the wire."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from provider.errors import Json


@dataclass(frozen=True)
class Framing:
    """What one event looks like, and what the whole is called."""

    media_type: str
    frame: Callable[[Json], bytes]


def _sse(event: Json) -> bytes:
    name = f"event: {event['type']}\n" if isinstance(event.get("type"), str) else ""
    return f"{name}data: {json.dumps(event, ensure_ascii=False, separators=(',', ':'))}\n\n".encode()


def _aws(event: Json) -> bytes:
    """The event in Amazon's event-stream framing, as Bedrock sends it: lengths, checksums, the JSON in base64."""
    name = {":message-type": "event", ":event-type": "chunk", ":content-type": "application/json"}
    body: Json = {"bytes": base64.b64encode(json.dumps(event, ensure_ascii=False).encode()).decode()}
    if event.get("type") == "error":
        name = {":message-type": "exception", ":exception-type": "modelStreamErrorException"}
        body = {"message": event["error"]["message"]}
    headers = b"".join(_header(key, value) for key, value in name.items())
    payload = json.dumps(body).encode()
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    whole = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return whole + struct.pack(">I", zlib.crc32(whole))


def _header(name: str, value: str) -> bytes:
    return bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()


def _line(document: Json) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode() + b"\n"


def _bytes(document: Json) -> bytes:
    return base64.b64decode(document["bytes"])


SSE = Framing("text/event-stream", _sse)
AWS = Framing("application/vnd.amazon.eventstream", _aws)
LINES = Framing("application/x-jsonl", _line)
AUDIO = Framing("audio/mpeg", _bytes)
PLAIN = Framing("text/plain", _bytes)
