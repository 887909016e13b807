"""The body of a request, in bounded memory whatever is sent: unpacked as it comes, given up when it gets too large.

What is refused is read to its end all the same, so that its sender hears why.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

MIB = 1024**2
#: Bytes of a body, as it comes and unpacked. JSON takes some thirty times its size to be read, in the worst case.
LARGEST = {"protobuf": 16 * MIB, "json": 4 * MIB}
#: Bytes of all bodies that are being read or wait.
ROOM = 64 * MIB
#: Bytes of a refused body that are read and forgotten. A sender of more finds the connection closed.
PATIENCE = 512 * MIB
#: Window bits of zlib by the name of the encoding. "deflate" means zlib's format, and some send it bare.
_WINDOWS = {"gzip": 31, "x-gzip": 31, "deflate": 15, "zlib": 15}
#: Files that may be strung together in a gzip body. Senders send one; each takes time, even an empty one.
FILES = 1000
#: Bytes that packing may add to a body that cannot be made smaller.
_WRAPPING = 64 * 1024
IDENTITY = ("", "identity")
ENCODINGS = frozenset({*IDENTITY, *_WINDOWS})

#: Seconds that a body may take to come, and that the rest of one is waited for that was refused.
SLOWEST, SOON = 30.0, 2.0


class Refused(Exception):  # noqa: N818  an answer, not a failure
    """A request is answered with an error. `wait` is seconds after which it may be sent again, None for never."""

    def __init__(self, status: int, message: str, wait: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.wait = wait


class Room:
    """How many bytes may be held at a time, for all requests together. For one event loop."""

    def __init__(self, limit: int = ROOM) -> None:
        self._left = limit

    def take(self, count: int) -> None:
        """Hold so many more. Raises Refused where there is no room for them."""
        if count > self._left:
            raise Refused(429, "Too much is waiting to be written to the ledger; send it again in a moment.", wait=1)
        self._left -= count

    def give(self, count: int) -> None:
        """Hold so many less."""
        self._left += count


async def read(
    chunks: AsyncIterator[bytes], encoding: str, largest: int, room: Room, slowest: float = SLOWEST
) -> bytearray:
    """A body, unpacked. What it takes of the room is the caller's to give back: its length.

    Raises:
        Refused: 413 where it is too large, 400 where it cannot be unpacked, 429 where there is no room, 503 where it
            has not come within `slowest` seconds.
    """
    body = bytearray()
    unpack = _Unpacking(encoding, largest)
    try:
        async with asyncio.timeout(slowest):
            async for chunk in chunks:
                for piece in unpack(chunk):
                    room.take(len(piece))
                    body += piece
        unpack.end()
    except BaseException as error:  # also where the sender has gone
        room.give(len(body))
        if isinstance(error, TimeoutError):
            raise Refused(503, f"The body did not come within {slowest:.0f} s; send it again.", wait=1) from None
        raise
    return body


async def drain(chunks: AsyncIterator[bytes]) -> None:
    """Read and forget the rest of a body, as much as comes soon."""
    seen = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(SOON):
            async for chunk in chunks:
                seen += len(chunk)
                if seen > PATIENCE:
                    return


class _Unpacking:
    """Unpacks a body piece by piece, up to a size."""

    def __init__(self, encoding: str, largest: int) -> None:
        self._bits = _WINDOWS.get(encoding)
        self._largest = self._left = self._packed = largest
        self._head = b""
        self._files = FILES
        self._stream: Any = None

    def __call__(self, chunk: bytes) -> Iterator[bytes]:
        """What a chunk unpacks to. Raises Refused."""
        self._packed -= len(chunk)
        if self._packed < -_WRAPPING:  # much that unpacks to nothing
            raise Refused(413, f"The body has more than {self._largest} bytes; send less at a time.")
        if self._bits is None:
            yield self._fitting(chunk)
            return
        if self._stream is None:
            self._head = chunk = self._head + chunk
            if len(chunk) < 2:
                return
            self._bits = -15 if self._bits == 15 and not _zlib(chunk) else self._bits
            self._stream = zlib.decompressobj(self._bits)
        while chunk:
            yield self._fitting(self._next(chunk))
            chunk = self._stream.unconsumed_tail or self._stream.unused_data
            if self._stream.eof and chunk:  # gzip files may be strung together
                self._files -= 1
                if not self._files:
                    raise Refused(413, f"The body is more than {FILES} gzip files; send less at a time.")
                self._stream = zlib.decompressobj(self._bits)

    def _next(self, chunk: bytes) -> bytes:
        try:
            found: bytes = self._stream.decompress(chunk, self._left + 1)
        except zlib.error as error:
            raise Refused(400, f"The body is not what Content-Encoding says: {error}.") from None
        return found

    def _fitting(self, piece: bytes) -> bytes:
        self._left -= len(piece)
        if self._left < 0:
            raise Refused(413, f"The body has more than {self._largest} bytes, unpacked; send less at a time.")
        return piece

    def end(self) -> None:
        """The body is over. Raises Refused where it is not whole."""
        if self._bits is not None and (self._stream is None or not self._stream.eof):
            raise Refused(400, "The body ends before what Content-Encoding says does.")


def _zlib(head: bytes) -> bool:
    """Whether deflated bytes begin as zlib's do (RFC 1950)."""
    return head[0] & 15 == 8 and int.from_bytes(head[:2], "big") % 31 == 0
