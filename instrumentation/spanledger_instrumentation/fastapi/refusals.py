"""A refusal that leaves a route becomes an answer: 429 with problem details (RFC 9457), 1013 for a WebSocket.

Where the app has a handler of its own for `BudgetExceeded`, or for a class above it but `Exception`, that one answers.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from opentelemetry import trace

from spanledger.admission import halt_attributes
from spanledger.errors import BudgetExceeded, Refusal, contained, exceeded
from spanledger.semconv import names
from spanledger_instrumentation.fastapi.middleware import App, Connection, Message, Receive, Send

#: The type of the problem, a name and no address: there is nothing to be fetched.
TYPE = "urn:spanledger:problem:budget-exceeded"
#: Seconds for which the head of an answer waits for its first byte, because a refusal may still come in its place.
PATIENCE = 2.0
#: The close code of WebSockets for "try again later", and how many bytes of a reason they take.
_LATER, _REASON = 1013, 123
#: What Starlette says where an exception that has a handler comes after the head of an answer.
_BEGUN = "Caught handled exception"
#: Headers that belong to whoever asked, and not to the answer that was to come.
_KEPT = (b"access-control-", b"vary")


def handles(app: Any) -> bool:
    """Whether the app sees to refusals itself."""
    own = set(BudgetExceeded.__mro__) - set(Exception.__mro__)
    return any(kind in own for kind in app.exception_handlers)


def install(stack: Any) -> None:
    """Make a refusal that leaves a route an answer, inside the middleware that the app has added."""
    from starlette.middleware.exceptions import ExceptionMiddleware  # noqa: PLC0415 - imported by the app

    seen: set[int] = set()
    while stack is not None and id(stack) not in seen:
        seen.add(id(stack))
        if isinstance(stack, ExceptionMiddleware):
            stack.add_exception_handler(BudgetExceeded, _answer)
            return
        stack = getattr(stack, "app", None)


async def _answer(connection: Any, error: Any) -> Any:
    """What Starlette asks for: the response, None for a WebSocket that is closed here."""
    refusal: Refusal = error.refusal
    _tell(refusal)
    if connection.scope["type"] == "http":
        return _response(refusal, connection.scope)
    if connection.application_state.name == "CONNECTING" and "websocket.http.response" in (
        connection.scope.get("extensions") or {}
    ):
        await connection.send_denial_response(_response(refusal, connection.scope))
    elif "DISCONNECTED" not in (connection.application_state.name, connection.client_state.name):
        await connection.close(_LATER, _detail(refusal).encode()[:_REASON].decode(errors="ignore"))
    return None


def problem(refusal: Refusal, instance: str) -> dict[str, object]:
    """The document: what RFC 9457 asks for, and the figures of the refusal, money as decimal strings in USD."""
    return {
        "type": TYPE,
        "title": "Budget exceeded",
        "status": 429,
        "detail": _detail(refusal),
        "instance": instance,
        **refusal.figures(),
        "retry_after": None if refusal.retry_after is None else math.ceil(refusal.retry_after),
    }


def _detail(refusal: Refusal) -> str:
    """In one line; what an operator may do is not for whoever asked."""
    return str(replace(refusal, detail=""))


def _response(refusal: Refusal, connection: Mapping[str, Any]) -> Any:
    from starlette.responses import JSONResponse  # noqa: PLC0415 - imported by the app

    found = problem(refusal, str(connection.get("root_path", "")) + str(connection.get("path", "")))
    headers = {} if found["retry_after"] is None else {"retry-after": str(found["retry_after"])}
    return JSONResponse(found, 429, headers, "application/problem+json")


def _tell(refusal: Refusal) -> None:
    """Say so on the server span. A 429 is no error of the server."""
    with contained("fastapi"):
        trace.get_current_span().add_event(names.EVENT_SPANLEDGER_BUDGET_HALT, halt_attributes(refusal))


class RefusalMiddleware:
    """Answers a refusal that comes after the head of an answer, while no byte of it has left."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, connection: Connection, receive: Receive, send: Send) -> None:
        """Pass the request on, its head a little later."""
        if connection["type"] != "http":
            return await self.app(connection, receive, send)
        head = Head(send)
        try:
            await self.app(connection, receive, head.send)
        except Exception as error:
            refusal = _refusal_in(error)
            if refusal is None or head.sent:
                await head.release()
                if refusal is None or isinstance(error, BudgetExceeded):
                    raise
                raise exceeded(refusal) from None
            _tell(refusal)
            response = _response(refusal, connection)
            response.raw_headers.extend(head.kept())
            await response(connection, receive, send)
        else:
            await head.release()
        finally:
            head.stop()


def _refusal_in(error: Exception) -> Refusal | None:
    """The refusal in an exception, also where Starlette says of it that the answer has begun already."""
    found = error.__cause__ if str(error).startswith(_BEGUN) else error
    return found.refusal if isinstance(found, BudgetExceeded) else None


class Head:
    """The head of a streamed answer. It leaves with the first byte, or when its patience is over."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._waiting: Message | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._late: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        #: Whether it has left.
        self.sent = False

    async def send(self, message: Message) -> None:
        """Pass on what the app sends, or keep it back if it is the head of an answer of unknown length."""
        if message["type"] == "http.response.start" and self._streams(message):
            self._waiting = message
            self._timer = asyncio.get_running_loop().call_later(PATIENCE, self._impatient)
            return
        if message["type"] == "http.response.start":
            self.sent = True
        await self.release()
        await self._send(message)

    async def release(self) -> None:
        """Let the head leave, if there is one that waits."""
        async with self._lock:
            message, self._waiting = self._waiting, None
            if message is not None:
                self.sent = True
                await self._send(message)

    def kept(self) -> list[tuple[bytes, bytes]]:
        """The headers that go with another answer, too."""
        found = (self._waiting or {}).get("headers") or ()
        return [(name, value) for name, value in found if bytes(name).lower().startswith(_KEPT)]

    def stop(self) -> None:
        """Nothing waits any longer."""
        if self._timer is not None:
            self._timer.cancel()

    def _impatient(self) -> None:
        self._late = asyncio.get_running_loop().create_task(self._release_late())

    async def _release_late(self) -> None:
        with suppress(OSError):  # who asked has gone; the app learns of it when it sends
            await self.release()

    @staticmethod
    def _streams(message: Message) -> bool:
        """Whether the length is unknown, in an event loop whose clock we can use."""
        if any(bytes(name).lower() == b"content-length" for name, _ in message.get("headers") or ()):
            return False
        try:
            asyncio.get_running_loop()
        except RuntimeError:  # trio's
            return False
        return True
