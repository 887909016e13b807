"""Readers of aiohttp's bodies that pass through a tap. Imported once the app has imported aiohttp."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import StreamReader
from typing_extensions import override

from spanledger.stream import Tap

#: Read buffers are the business of the reader below.
_LIMIT = 2**16


class _Connected:
    """Stands where a reader has its connection: there is no flow to control, the reader below does that."""

    connected = True

    def pause_reading(self) -> None:
        """Nothing comes unasked."""

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Nothing was paused."""


def filled(body: bytes) -> StreamReader:
    """A reader whose body is there already."""
    reader = StreamReader(_Connected(), _LIMIT, loop=asyncio.get_running_loop())  # type: ignore[arg-type]
    reader.feed_data(body)
    reader.feed_eof()
    return reader


class TappedReader(StreamReader):
    """Takes from the reader below what the app is waiting for, no earlier, and passes it through the tap."""

    def __init__(self, below: StreamReader, tap: Tap) -> None:
        super().__init__(_Connected(), _LIMIT, loop=asyncio.get_running_loop())  # type: ignore[arg-type]
        self._below = below
        self._tap = tap
        if below.exception() is None:
            self.begin_http_chunk_receiving()

    @override
    async def _wait(self, func_name: str) -> None:
        """Wait until there is more to read. Whoever gives up waiting may come again, so that ends nothing."""
        try:
            data, ends_chunk = await self._below.readchunk()
        except Exception as error:
            self._tap.broken(error)
            raise
        if data or ends_chunk:
            shown = self._tap.feed(data)
            self.feed_data(shown)
            if ends_chunk and (shown or not data):
                self.end_http_chunk_receiving()
        else:
            self._finish()

    def _finish(self) -> None:
        self.feed_data(self._tap.flush())
        self.feed_eof()

    @override
    def read_nowait(self, n: int = -1) -> bytes:
        """What is here already."""
        if not self._eof:
            if data := self._below.read_nowait():
                self.feed_data(self._tap.feed(data))
            if self._below.at_eof():
                self._finish()
        return super().read_nowait(n)

    @override
    async def wait_eof(self) -> None:
        """Wait until everything has arrived, read or not."""
        await self._below.wait_eof()

    @override
    def set_exception(self, exc: BaseException, *cause: Any) -> None:
        """The app is done with the response: it is closed, whether all of it was read or not."""
        super().set_exception(exc, *cause)
        self._below.set_exception(exc, *cause)
        self._tap.closed()
