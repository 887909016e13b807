"""The scope of one request or WebSocket connection, laid around everything that the app does for it."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, replace
from typing import Any

from opentelemetry import context, propagate, trace
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import Getter
from opentelemetry.trace import SpanKind

from spanledger import scope
from spanledger.errors import contained
from spanledger.scope import Held, Scope
from spanledger.semconv import names

Message = MutableMapping[str, Any]
Connection = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Connection, Receive, Send], Awaitable[None]]

#: Under this key an ASGI connection holds its `Serving`; an app that is mounted in another finds it there.
KEY = "spanledger"
_SERVING = context.create_key("spanledger-serving")
#: The headers that are believed, and the names under which what they say travels on.
_HEADERS = {
    "x-tenant-id": names.SPANLEDGER_TENANT_ID,
    "x-user-id": names.USER_ID,
    "x-session-id": names.SESSION_ID,
    "x-request-id": names.SPANLEDGER_REQUEST_ID,
}


class HeaderGetter(Getter[Connection]):
    """Reads the headers of an ASGI connection as text. Of a header that comes twice all values are given, in order."""

    def get(self, carrier: Connection, key: str) -> list[str] | None:
        """All values of a header, None if it did not come."""
        wanted = key.lower().encode("latin-1", "replace")
        found = [_text(value) for name, value in carrier.get("headers") or () if bytes(name).lower() == wanted]
        return found or None

    def keys(self, carrier: Connection) -> list[str]:
        """The names of the headers."""
        return [_text(name) for name, _ in carrier.get("headers") or ()]


HEADERS = HeaderGetter()


def _text(value: bytes) -> str:
    """HTTP says latin-1, and people send UTF-8."""
    try:
        return bytes(value).decode()
    except UnicodeDecodeError:
        return bytes(value).decode("latin-1")


@dataclass(frozen=True, slots=True)
class Trust:
    """Which of a sender's claims about who pays are believed."""

    baggage: bool = False
    headers: bool = False

    def claims(self, connection: Connection) -> Scope:
        """What the sender says and may say. A header, set at our own door, goes before baggage from far away."""
        claimed: dict[str, str] = {}
        if self.baggage:
            claimed |= _clean(scope.entries(scope.from_baggage(propagate.extract(connection, Context(), HEADERS))))
        if self.headers:
            claimed |= _clean(_from_headers(connection))
        return scope.of(claimed)


def _from_headers(connection: Connection) -> dict[str, str]:
    """Of a header that comes twice the last value counts: a gateway that adds its own adds it at the end."""
    found = {name: HEADERS.get(connection, header) for header, name in _HEADERS.items()}
    return {name: values[-1] for name, values in found.items() if values}


def _clean(said: Mapping[str, str]) -> dict[str, str]:
    """Without what no id has: control characters, and those that only change how text around them looks."""
    readable = {name: "".join(c for c in value if c.isprintable()).strip() for name, value in said.items()}
    return {name: value for name, value in readable.items() if value}


@dataclass(slots=True)
class Serving:
    """One request or WebSocket connection while it is served, and the context that it came in."""

    client: object
    server: object
    outside: Context
    laid: bool = False

    @classmethod
    def of(cls, connection: Connection) -> Serving:
        """The serving of a connection that has just come in, remembered in it.

        A server may begin a pipelined request inside the context of the one before it on the same socket (uvicorn
        does, unless told to reset context variables). That one's tenant is not to pay for it: it came in where the
        first one did. A request that an app sends to itself in process is no such case, and belongs to its sender.
        """
        here = context.get_current()
        before = context.get_value(_SERVING, here)
        client, server = connection.get("client"), connection.get("server")
        if isinstance(before, Serving) and (before.client, before.server) == (client, server):
            here = before.outside
        connection[KEY] = serving = cls(client, server, here)
        return serving


class ScopeMiddleware:
    """Lays the scope of a request over all that the app does for it, its background tasks and streamed body included.

    Sits inside the middleware that opens the server span. Where nobody named a run, the request is one: its id comes
    from trace and span, so that it can be found again, or is made up where there is no span.
    """

    def __init__(self, app: App, trust: Trust) -> None:
        self.app = app
        self.trust: Trust | None = trust

    async def __call__(self, connection: Connection, receive: Receive, send: Send) -> None:
        """Pass the request on, inside its scope."""
        ctx = self._context(connection)
        if ctx is None:
            return await self.app(connection, receive, send)
        held = Held(ctx)
        try:
            await self.app(connection, receive, send)
        finally:
            held.release()

    def off(self) -> None:
        """From now on pass everything on untouched."""
        self.trust = None

    def _context(self, connection: Connection) -> Context | None:
        serving = connection.get(KEY)
        if self.trust is None or not isinstance(serving, Serving) or serving.laid:
            return None
        with contained("fastapi"):
            serving.laid = True
            return context.set_value(_SERVING, serving, self._lay(self.trust.claims(connection)))
        return None

    @staticmethod
    def _lay(claimed: Scope) -> Context:
        here = context.get_current()
        span = trace.get_current_span(here)
        found = claimed.over(scope.current(here))
        if found.run is None:
            found = replace(found, run=_run_of(span))
        if span.is_recording() and getattr(span, "kind", None) is SpanKind.SERVER:
            span.set_attributes(found.attributes())
        return scope.inside(found, scope.without_baggage(here))


def _run_of(span: trace.Span) -> str:
    known = span.get_span_context()
    if known.is_valid:
        return f"{known.trace_id:032x}-{known.span_id:016x}"
    return f"req-{uuid.uuid4().hex[:12]}"
