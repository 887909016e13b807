"""Puts a tap into the body of an HTTP response of httpx or httpx2, below all that the app holds of it."""

from __future__ import annotations

import weakref
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import wrapt

from spanledger.call import Calls
from spanledger.stream import Tap


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
        feed = tap.feed
        try:
            for data in self.__wrapped__:
                if out := feed(data) if feeds else data:
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
        feed = tap.feed
        try:
            async for data in self.__wrapped__:
                if out := feed(data) if feeds else data:
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
    weakref.finalize(response, tap.abandoned, calls.afterwards).atexit = False
