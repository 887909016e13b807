"""Cuts a streamed body into its records, whatever the pieces it comes in.

Three framings are in use: server-sent events, one JSON document a line (Ollama, Cohere's first API), both cut by
`Lines`, which also understands the JSON array that Gemini streams when it is not asked for events; and the binary
messages of AWS, cut by `Messages`. What cannot be read is left out; nothing raises.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any, Protocol

#: A record is kept until it is whole up to this size, in bytes; a larger one is given up.
LARGEST = 16 * 1024 * 1024

#: Fields of server-sent events that hold no document.
_FIELDS = (b"event:", b"id:", b"retry:", b":")
#: The last line of a document of Gemini's array, which is indented.
_CLOSING = (b"}", b"},", b"}]")


class Cutter(Protocol):
    """Cuts bytes into records."""

    def feed(self, data: bytes) -> Iterator[dict[str, Any]]:
        """Take in the next bytes; the records that are complete with them."""

    def rest(self) -> Iterator[dict[str, Any]]:
        """There are no more bytes: the record that they leave complete, if any."""


def document(raw: bytes) -> dict[str, Any] | None:
    """A JSON object, if it is one. Numbers may be of any size; nesting beyond Python's limits is no document."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


class Lines:
    """Documents on lines of their own, bare or behind `data:`, or in an indented array."""

    def __init__(self) -> None:
        self._held = b""
        self._block: list[bytes] = []

    def feed(self, data: bytes) -> Iterator[dict[str, Any]]:
        """Cut at the ends of lines."""
        *lines, self._held = (self._held + data).split(b"\n")
        if len(self._held) > LARGEST:
            self._held = b""
        for line in lines:
            yield from self._line(line.rstrip())

    def rest(self) -> Iterator[dict[str, Any]]:
        """The last line may have no end."""
        line, self._held = self._held.rstrip(), b""
        yield from self._line(line)

    def _line(self, line: bytes) -> Iterator[dict[str, Any]]:
        if line.startswith(b"data:"):
            line = line[5:].lstrip()
        elif not line or line.startswith(_FIELDS):
            return
        found = document(line) if line.startswith(b"{") and line.endswith(b"}") else None
        if found is None:
            found = self._indented(line)
        if found is not None:
            yield found

    def _indented(self, line: bytes) -> dict[str, Any] | None:
        """Collects the lines of an indented document; returns it with its last line."""
        self._block.append(line)
        if line not in _CLOSING:
            if len(self._block) * 8 > LARGEST:
                self._block = []
            return None
        block, self._block = b"\n".join(self._block), []
        return document(block.lstrip(b"[, \n").rstrip(b"], \n"))


#: Bytes before the headers of a message (two lengths and a checksum), and behind the payload (a checksum).
_PRELUDE, _CHECKSUM = 12, 4
#: Sizes of header values by their type; those of text and bytes (6, 7) say their own length.
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}


class Messages:
    """Messages of `application/vnd.amazon.eventstream`: `{name of the event: its JSON document}`.

    Checksums are the client's business. A length that cannot be ends the reading: there is no way back into step.
    """

    def __init__(self) -> None:
        self._held = b""
        self._lost = False

    def feed(self, data: bytes) -> Iterator[dict[str, Any]]:
        """Cut by the lengths that messages begin with."""
        if self._lost:
            return
        self._held += data
        while len(self._held) >= _PRELUDE:
            whole, headers = struct.unpack_from(">II", self._held)
            if not _PRELUDE + headers + _CHECKSUM <= whole <= LARGEST:
                self._lost, self._held = True, b""
                return
            if len(self._held) < whole:
                return
            message, self._held = self._held[:whole], self._held[whole:]
            yield from _message(message, headers)

    def rest(self) -> Iterator[dict[str, Any]]:
        """A message that is not whole is none."""
        return iter(())


def _message(message: bytes, size: int) -> Iterator[dict[str, Any]]:
    begin = _PRELUDE + size
    found = document(message[begin:-_CHECKSUM])
    headers = _headers(message[_PRELUDE:begin])
    failure = headers.get(":exception-type") or headers.get(":error-code")
    if failure:
        yield {failure: {"message": headers.get(":error-message", ""), **(found or {})}}
    elif found is not None and (name := headers.get(":event-type")):
        yield {name: found}


def _headers(raw: bytes) -> dict[str, str]:
    """The text headers of a message."""
    found: dict[str, str] = {}
    at = 0
    try:
        while at < len(raw):
            end = at + 1 + raw[at]
            name, kind = raw[at + 1 : end].decode("utf-8", "replace"), raw[end]
            at = end + 1
            if kind in _SIZES:
                at += _SIZES[kind]
                continue
            length = int.from_bytes(raw[at : at + 2], "big")
            if kind == 7:
                found[name] = raw[at + 2 : at + 2 + length].decode("utf-8", "replace")
            at += 2 + length
    except IndexError:
        pass
    return found
