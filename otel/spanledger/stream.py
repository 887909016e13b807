"""Reads a streamed answer on its way to the app, and ends its call exactly once.

The app keeps the client's own objects; only the byte stream below them is wrapped. A `Tap` cuts the bytes into
server-sent events, shows each to a reader, and passes on what the reader lets through. Nothing is read before the app
reads it, and an event is passed on as soon as it is complete.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from spanledger.afterwards import Afterwards
from spanledger.errors import contained, failed
from spanledger.messages import Answer

_BOUNDARY = re.compile(rb"\r\n\r\n|\n\n|\r\r")
#: A body that is no event stream is kept for reading up to this size, in bytes.
BODY_LIMIT = 64 * 1024 * 1024


class Ends(Protocol):
    """What a tap tells: of a `Call`, what it needs."""

    @property
    def ended(self) -> bool:
        """Whether the end was told."""

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""

    def first_chunk(self) -> None:
        """The first piece is here."""

    def succeed(self, answer: Answer) -> None:
        """The answer is complete."""

    def fail(self, error: BaseException, answer: Answer) -> None:
        """This error came instead of the rest."""


@dataclass(slots=True)
class Kept:
    """Events that are kept in case they have to be read again, for as long as there is `room`, in bytes."""

    room: int
    events: list[bytes] = field(default_factory=list)

    def add(self, event: bytes) -> None:
        """Keep one more."""
        if self.room > 0:
            self.events.append(event)
            self.room -= len(event)


class Quiet(NamedTuple):
    """How those events of a stream look that hold nothing but text, learned from one of them: most need no reader.

    Such an event is `head`, the inside of a JSON string, `behind` from the closing quote to the last quote but for
    those in `end`, perhaps something that varies and has no quotes (OpenAI's padding), and `end`. `shown` is what the
    app is to see in place of `behind` and of `end`; None says that it sees the event as it came.
    """

    head: bytes
    behind: bytes
    end: bytes
    shown: tuple[bytes, bytes] | None
    kept: Kept


class Reader(Protocol):
    """An adapter's understanding of one answer on its way."""

    def partial(self, elapsed: float) -> Answer:
        """What has been seen and was under way, of an answer given up after `elapsed` seconds."""


class EventReader(Reader, Protocol):
    """Of an answer that comes as server-sent events. One that knows its quiet events has them as `quiet`."""

    @property
    def edits(self) -> bool:
        """The reader changes what passes, so an event is held back until it is complete."""

    @property
    def final(self) -> bool:
        """Usage and end of the answer have been seen; what follows adds nothing."""

    @property
    def error(self) -> BaseException | None:
        """The provider reported an error within the stream."""

    def event(self, raw: bytes) -> bytes:
        """Take in one event with its closing blank line; return what the app is to see of it."""

    def answer(self) -> Answer:
        """What has been seen, of a complete answer."""


class BodyReader(Reader, Protocol):
    """Of an answer that comes as one body."""

    def whole(self, body: bytes) -> Answer:
        """Read a complete body."""


def _escaped(text: bytes) -> bool:
    """Whether every quote is escaped, as inside a JSON string; that which opens one follows a comma or colon."""
    return text.count(b'"') == text.count(b'\\"')


class Tap(ABC):
    """Between a byte stream and the app. Never raises; its failures leave the bytes as they came."""

    def __init__(self, call: Ends, reader: Reader) -> None:
        self._call = call
        self._partial = reader.partial

    @abstractmethod
    def feed(self, data: bytes) -> bytes:
        """Bytes from the provider; returns the bytes for the app."""

    @abstractmethod
    def flush(self) -> bytes:
        """The provider has sent everything: the bytes still held back."""

    def broken(self, error: BaseException) -> None:
        """The stream ended with an error."""
        with contained("stream"):
            self._call.fail(error, self._partial(self._call.elapsed))

    def closed(self) -> None:
        """The app is done with the stream, whether it read all of it or not."""
        if not self._call.ended:
            with contained("stream"):
                self._call.succeed(self._partial(self._call.elapsed))

    def abandoned(self, afterwards: Afterwards) -> None:
        """The response was collected. Safe in a finalizer; a call that has ended, as most have, wakes no thread."""
        if not self._call.ended:
            afterwards.put(self.closed)


class EventTap(Tap):
    """Cuts the bytes into server-sent events and shows each to the reader."""

    def __init__(self, call: Ends, reader: EventReader) -> None:
        super().__init__(call, reader)
        self._reader = reader
        self._held: list[bytes] = []
        self._begun = False
        self._quiet: Quiet | None = None

    def feed(self, data: bytes) -> bytes:
        """Bytes from the provider; returns the bytes for the app.

        A quiet event, alone in its piece, is told here and not by a call: calls made once for each event are what
        metering a stream costs most (0.5 µs each, cold as they are between the client's own work on two events).
        """
        if self._quiet is None or self._held:
            return self._looked_into(data) if data else data
        head, behind, end, shown, kept = self._quiet
        if data.startswith(head) and data.endswith(end):
            text, stop = len(head), data.rfind(b'"', 0, -len(end)) + 1
            at, first = stop - len(behind), data.find(b'"', text)
            if data.startswith(behind, at) and (first == at or (text <= first < at and _escaped(data[text:at]))):
                if kept.room > 0:
                    kept.events.append(data)
                    kept.room -= len(data)
                return data if shown is None else data[:at] + shown[0] + data[stop : -len(end)] + shown[1]
        return self._looked_into(data) if data else data

    def _looked_into(self, data: bytes) -> bytes:
        held = self._held
        try:
            if not self._begun:
                self._begun = True
                self._call.first_chunk()
            out = self._events(data)
            if self._reader.final or self._reader.error is not None:
                self._end()
        except Exception as error:  # noqa: BLE001  contained, without the cost of a context for every piece
            failed("stream", error)
            self._held = []
            out = b"".join(held) + data
        return out if self._reader.edits else data

    def _released(self) -> bytes:
        held, self._held = b"".join(self._held), []
        return held

    def _events(self, data: bytes) -> bytes:
        """What the reader makes of the events that are complete; the rest is held back, in pieces."""
        held = self._held
        if not held:
            if data.endswith(b"\n\n") and data.count(b"\n") == 2:  # one line and its end: a JSON line holds no other
                return self._event(data)
        elif not _BOUNDARY.search(b"".join(held[-3:])[-3:] + data):  # a boundary may come byte by byte
            held.append(data)
            return b""
        data = self._released() + data
        out, begin = [], 0
        for boundary in _BOUNDARY.finditer(data):
            event = data[begin : boundary.end()]
            out.append(self.feed(event) if len(event) < len(data) else self._event(event))
            begin = boundary.end()
        if begin < len(data):
            self._held.append(data[begin:])
        return b"".join(out)

    def _event(self, event: bytes) -> bytes:
        shown = self._reader.event(event)
        self._quiet = getattr(self._reader, "quiet", None)
        return shown

    def _end(self) -> None:
        reader = self._reader
        if self._call.ended:
            return
        if reader.error is not None:
            self._call.fail(reader.error, reader.partial(self._call.elapsed))
        else:
            self._call.succeed(reader.answer())

    def flush(self) -> bytes:
        """The provider has sent everything: the bytes still held back."""
        rest = self._released()
        if rest:
            with contained("stream"):
                rest = self._reader.event(rest)
        with contained("stream"):
            self._end()
        return rest if self._reader.edits else b""


class BodyTap(Tap):
    """Passes a body on in the pieces in which the app reads it, and reads it when it is whole."""

    def __init__(self, call: Ends, reader: BodyReader) -> None:
        super().__init__(call, reader)
        self._reader = reader
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> bytes:
        """Keep a copy and pass on."""
        self._call.first_chunk()
        self._size += len(data)
        if self._size <= BODY_LIMIT:
            self._pieces.append(data)
        return data

    def flush(self) -> bytes:
        """The body is whole."""
        with contained("stream"):
            self._call.succeed(self._reader.whole(b"".join(self._pieces)))
        return b""
