"""Reads a streamed answer on its way to the app, and ends its call exactly once.

The app keeps the client's own objects; only the byte stream below them is wrapped. A `Tap` cuts the bytes into
server-sent events, shows each to a reader, and passes on what the reader lets through. Nothing is read before the app
reads it, and an event is passed on as soon as it is complete.
"""

from __future__ import annotations

import re
import weakref
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

import wrapt

from spanledger.call import Answer, Calls
from spanledger.errors import contained, failed

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


class Reader(Protocol):
    """An adapter's understanding of one answer on its way."""

    def partial(self, elapsed: float) -> Answer:
        """What has been seen and was under way, of an answer given up after `elapsed` seconds."""


class EventReader(Reader, Protocol):
    """Of an answer that comes as server-sent events."""

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


class Tap:
    """Between a byte stream and the app. Never raises; its failures leave the bytes as they came."""

    def __init__(self, call: Ends, reader: Reader) -> None:
        self._call = call
        self._partial = reader.partial

    def feed(self, data: bytes) -> bytes:
        """Bytes from the provider; returns the bytes for the app."""
        raise NotImplementedError

    def flush(self) -> bytes:
        """The provider has sent everything: the bytes still held back."""
        raise NotImplementedError

    def broken(self, error: BaseException) -> None:
        """The stream ended with an error."""
        with contained("stream"):
            self._call.fail(error, self._partial(self._call.elapsed))

    def closed(self) -> None:
        """The app is done with the stream, whether it read all of it or not."""
        if not self._call.ended:
            with contained("stream"):
                self._call.succeed(self._partial(self._call.elapsed))


class EventTap(Tap):
    """Cuts the bytes into server-sent events and shows each to the reader."""

    def __init__(self, call: Ends, reader: EventReader) -> None:
        super().__init__(call, reader)
        self._reader = reader
        self._held: list[bytes] = []
        self._begun = False

    def feed(self, data: bytes) -> bytes:
        """Bytes from the provider; returns the bytes for the app."""
        if not data:
            return data
        held = self._held
        try:
            if not self._begun:
                self._begun = True
                self._call.first_chunk()
            out = self._events(data)
            if self._reader.final or self._reader.error is not None:
                self._end()
        except Exception as error:  # noqa: BLE001  contained, without the cost of a context for every chunk
            failed("stream", error)
            self._held = []
            out = b"".join(held) + data
        return out if self._reader.edits else data

    def _released(self) -> bytes:
        held, self._held = b"".join(self._held), []
        return held

    def _last(self) -> bytes:
        """The last bytes held back, as many as a boundary may have begun with; pieces may be smaller than that."""
        held = self._held
        return held[-1][-3:] if len(held[-1]) > 2 else b"".join(held[-3:])[-3:]

    def _events(self, data: bytes) -> bytes:
        """What the reader makes of the events that are complete; the rest is held back, in pieces."""
        if not self._held:
            if data.endswith(b"\n\n") and data.count(b"\n") == 2:  # one line and its end: a JSON line holds no other
                return self._reader.event(data)
        elif not _BOUNDARY.search(self._last() + data):
            self._held.append(data)
            return b""
        data = self._released() + data
        out, begin = [], 0
        for boundary in _BOUNDARY.finditer(data):
            out.append(self._reader.event(data[begin : boundary.end()]))
            begin = boundary.end()
        if begin < len(data):
            self._held.append(data[begin:])
        return b"".join(out)

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


class _Decoder:
    """A response's content decoder with the tap behind it: the tap sees the body as it was before compression.

    Decoders of httpx return bytes, those of httpx2 an iterator of bytes; so does this one.
    """

    def __init__(self, decoder: Any, tap: Tap) -> None:
        self._decoder = decoder
        self._tap = tap

    def decode(self, data: bytes) -> bytes | Iterator[bytes]:
        found = self._decoder.decode(data)
        return self._tap.feed(found) if isinstance(found, bytes) else self._fed(found)

    def flush(self) -> bytes | Iterator[bytes]:
        found = self._decoder.flush()
        return self._tap.feed(found) + self._tap.flush() if isinstance(found, bytes) else self._last(found)

    def _fed(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        yield from filter(None, map(self._tap.feed, pieces))

    def _last(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        yield from self._fed(pieces)
        if rest := self._tap.flush():
            yield rest


if TYPE_CHECKING:
    _Proxy = wrapt.ObjectProxy[Any]
else:  # older releases of wrapt are no generics
    _Proxy = wrapt.ObjectProxy


class _Tapped(_Proxy):
    """A byte stream that passes through a tap. It still is the class that the HTTP client checks for."""

    def __init__(self, stream: Any, tap: Tap, decoded_elsewhere: bool) -> None:
        super().__init__(stream)
        self._self_tap = tap
        self._self_feeds = not decoded_elsewhere

    def __iter__(self) -> Iterator[bytes]:
        tap, feeds = self._self_tap, self._self_feeds
        try:
            for data in self.__wrapped__:
                if out := tap.feed(data) if feeds else data:
                    yield out
        except GeneratorExit:
            raise
        except BaseException as error:
            tap.broken(error)
            raise
        if feeds and (rest := tap.flush()):
            yield rest

    async def __aiter__(self) -> AsyncIterator[bytes]:
        tap, feeds = self._self_tap, self._self_feeds
        try:
            async for data in self.__wrapped__:
                if out := tap.feed(data) if feeds else data:
                    yield out
        except GeneratorExit:
            raise
        except BaseException as error:
            tap.broken(error)
            raise
        if feeds and (rest := tap.flush()):
            yield rest

    def close(self) -> None:
        try:
            self.__wrapped__.close()
        finally:
            self._self_tap.closed()

    async def aclose(self) -> None:
        try:
            await self.__wrapped__.aclose()
        finally:
            self._self_tap.closed()


def tap_response(response: Any, tap: Tap, calls: Calls) -> None:
    """Put a tap into an HTTP response of httpx or httpx2 whose body has not been read.

    A response whose body is already there (transports of tests make such) is read and edited at once.
    """
    if response.is_stream_consumed:
        body = response.content
        edited = tap.feed(body) + tap.flush()
        if edited != body:
            response._content = edited  # noqa: SLF001  there is no public way to edit a body that is already there
        return
    encoded = bool(response.headers.get("content-encoding"))
    if encoded:
        response._decoder = _Decoder(response._get_content_decoder(), tap)  # noqa: SLF001  as above, for decoded bytes
    response.stream = _Tapped(response.stream, tap, encoded)
    calls.streams.add(tap)
    calls.afterwards.ready()
    weakref.finalize(response, calls.afterwards.put, tap.closed).atexit = False
