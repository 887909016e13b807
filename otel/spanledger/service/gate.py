"""What is turned away before anybody looks at it: names that are not ours, and bodies that are too large."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spanledger.service.problems import Problem, answer

#: Bytes of a body.
LARGEST = 64 * 1024
#: Below these paths bodies are counted by whoever reads them.
COUNTED = ("/v1/",)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}


@dataclass(frozen=True, slots=True)
class Gate:
    """An app behind a gate. `local`: only requests for a name of loopback get in.

    A page of another site can let its own name resolve to this host (DNS rebinding), but Host is then that name.
    """

    app: ASGIApp
    local: bool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let it in, or answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refused: ASGIApp | None = None
        if self.local and _host(headers.get("host", "")) not in _LOOPBACK:
            refused = answer(
                400, "Without tokens the service answers to localhost only; set SPANLEDGER_SERVICE_TOKENS."
            )
        elif not _counted(scope) and _length(headers) > LARGEST:
            refused = _too_large()
        if refused is not None:
            await refused(scope, receive, send)
            return
        asked = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope  # the server leaves out the body
        await self.app(asked, receive if _counted(scope) else _counting(receive), _with_headers(send))
        scope["route"] = asked.get("route")


def _counted(scope: Scope) -> bool:
    path: str = scope["path"]
    return path.startswith(COUNTED)


def _host(given: str) -> str:
    name = given.lower()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name.partition(":")[0]


def _length(headers: Headers) -> int:
    said = headers.get("content-length", "0")
    return int(said) if said.isdecimal() else 0


def _too_large() -> ASGIApp:
    return answer(413, f"A body may have {LARGEST} bytes here; send less.")


def _counting(receive: Receive) -> Receive:
    """Bodies without a length are counted while they come."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > LARGEST:
            raise Problem(413, f"A body may have {LARGEST} bytes here; send less.")
        return message

    return counted


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            if message["status"] < 400 and "cache-control" not in headers:
                headers["Cache-Control"] = "no-store"
        await send(message)

    return sent
