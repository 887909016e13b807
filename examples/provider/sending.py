"""How an answer leaves: in one piece or as server-sent events, whole or broken off."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from provider.books import Entry
from provider.desk import Reply
from provider.dialect import Dialect
from provider.faults import spoil
from provider.wishes import Wish

_GARBAGE = b"data: {this is not json\n\n"


class BrokenOffError(Exception):
    """The connection is cut here."""


class Whole(Response):
    """A body in one piece; with the fault `disconnect` only half of it arrives."""

    def __init__(self, reply: Reply, entry: Entry, headers: Mapping[str, str], fault: str | None) -> None:
        """The whole answer, spoiled as the fault says."""
        self._entry, self._fault = entry, fault
        text = json.dumps(spoil(reply.body, fault), ensure_ascii=False)
        kind = "application/json"
        if fault == "html":
            text, kind = "<html><body><h1>502 Bad Gateway</h1></body></html>", "text/html"
        elif fault == "empty":
            text = ""
        elif fault in ("invalid_json", "sse_garbage"):
            text = text[: len(text) // 2]
        super().__init__(text, 200, headers, kind)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        if self._fault == "disconnect":
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            half = bytes(self.body)[: len(self.body) // 2]
            await send({"type": "http.response.body", "body": half, "more_body": True})
            return
        self._entry.finished = True
        await super().__call__(scope, receive, send)


class EventStream(Response):
    """Server-sent events, or the like; it stops when the client has gone."""

    def __init__(
        self, frames: Iterator[bytes], entry: Entry, headers: Mapping[str, str], gap: float, media_type: str
    ) -> None:
        """A stream of these frames, `gap` seconds before each."""
        self._frames, self._entry, self._gap, self.media_type = frames, entry, gap, media_type
        self.status_code, self.background = 200, None
        self.init_headers(headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send it."""
        gone = asyncio.create_task(_hung_up(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            for frame in self._frames:
                await asyncio.sleep(self._gap)
                if gone.done():
                    return
                await send({"type": "http.response.body", "body": frame, "more_body": True})
                self._entry.events += 1
            self._entry.finished = True
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except BrokenOffError:
            return
        finally:
            gone.cancel()


def frames(reply: Reply, wish: Wish, fault: str | None, dialect: Dialect) -> Iterator[bytes]:
    """The events of a reply as they go over the wire.

    Raises:
        BrokenOffError: Here the fault cuts the connection.
    """
    broken = False
    for at, event in enumerate(reply.events or ()):
        if at == wish.after and fault in ("disconnect", "stream_error", "sse_garbage", "invalid_json"):
            broken = True
            if fault == "disconnect":
                raise BrokenOffError
            yield reply.framing.frame(dialect.broken()) if fault == "stream_error" else _GARBAGE
            if fault == "stream_error":
                return
        yield reply.framing.frame(spoil(event, fault))
    if fault == "disconnect" and not broken:
        raise BrokenOffError
    if reply.closing and fault != "no_done":
        yield b"data: [DONE]\n\n"


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
