"""Documents as a dialect's readers take them in, whole and in pieces."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterable, Mapping
from typing import Any

from spanledger.messages import Answer
from spanledger.usage import Usage
from spanledger_instrumentation.dialects import DIALECTS, PlainReader, StreamReader


def whole(name: str, document: object, body: Mapping[str, Any] | None = None, **headers: str) -> Answer:
    """A complete answer. Headers are written with underscores."""
    told = {key.replace("_", "-"): value for key, value in headers.items()}
    return PlainReader(DIALECTS[name], body or {}, told).whole(json.dumps(document).encode())


def used(name: str, document: object, **headers: str) -> Usage:
    """The usage of a complete answer."""
    usage = whole(name, document, None, **headers).usage
    assert usage is not None
    return usage


def stream(name: str, data: bytes, body: Mapping[str, Any] | None = None, size: int = 7) -> StreamReader:
    """A reader that has taken in a streamed body, in small pieces that respect nothing."""
    reader = StreamReader(DIALECTS[name], body or {})
    for at in range(0, len(data), size):
        assert reader.event(data[at : at + size]) == data[at : at + size]
    return reader


def events(documents: Iterable[object]) -> bytes:
    """As server-sent events."""
    return b"".join(b"event: x\ndata: " + json.dumps(document).encode() + b"\n\n" for document in documents)


def lines(documents: Iterable[object]) -> bytes:
    """As one document a line."""
    return b"".join(json.dumps(document).encode() + b"\n" for document in documents)


def messages(*documents: tuple[str, object]) -> bytes:
    """As messages of AWS, each with the name of its event."""
    return b"".join(_message(name, json.dumps(document).encode()) for name, document in documents)


def chunks(*documents: object) -> bytes:
    """As the messages of an invocation, whose documents are packed once more."""
    return messages(*(("chunk", {"bytes": base64.b64encode(json.dumps(d).encode()).decode()}) for d in documents))


def _message(name: str, payload: bytes) -> bytes:
    kinds = {":event-type": name, ":content-type": "application/json", ":message-type": "event"}
    headers = b"".join(
        bytes([len(key)]) + key.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        for key, value in kinds.items()
    )
    size = 16 + len(headers) + len(payload)
    return struct.pack(">III", size, len(headers), 0) + headers + payload + b"\0\0\0\0"
