"""Looks at answers on their way, whether the client reads them at once or as the app does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from spanledger.call import Calls
from spanledger.messages import NOTHING, Answer
from spanledger.stream import Ends, Tap
from spanledger.tapping import tap_response


class Untimed:
    """What a tap tells of an answer that is no call of its own: nobody waits for its first piece or asks how long."""

    ended = False
    elapsed = 0.0

    def first_chunk(self) -> None:
        """The first piece; when it came is of no interest."""

    def partial(self, elapsed: float) -> Answer:  # noqa: ARG002  a tap asks
        """What was read is settled by the call of `succeed` or `fail` that follows."""
        return NOTHING

    def succeed(self, answer: Answer) -> None:  # noqa: ARG002  a tap tells
        """The answer was read, or as much of it as the app wanted."""
        self.ended = True

    def fail(self, error: BaseException, answer: Answer) -> None:  # noqa: ARG002  a tap tells
        """The reading broke off; what came before counts."""
        self.succeed(answer)


class _Whole(Tap):
    """Keeps a copy of a body, and shows it when it is whole."""

    def __init__(self, ends: Ends, show: Callable[[bytes], None]) -> None:
        super().__init__(ends, Untimed())
        self._show = show
        self._pieces: list[bytes] = []

    def feed(self, data: bytes) -> bytes:
        """Passes on what comes as it comes."""
        self._pieces.append(data)
        return data

    def flush(self) -> bytes:
        """The body is whole."""
        self._show(b"".join(self._pieces))
        return b""


def show(calls: Calls, response: Any, show: Callable[[bytes], None], *, streamed: bool) -> None:
    """Show the body of a response: now, or when the app has read it."""
    if streamed:
        tap_response(response, _Whole(Untimed(), show), calls)
    else:
        show(response.content)
