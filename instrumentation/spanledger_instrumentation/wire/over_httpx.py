"""httpx and httpx2: every request passes `Client.send` or `AsyncClient.send`, above authentication and redirects."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

from spanledger.errors import contained
from spanledger.tapping import tap_response
from spanledger_instrumentation.adapter import Adapter
from spanledger_instrumentation.waiting import wait, wait_async
from spanledger_instrumentation.wire.exchange import Exchange
from spanledger_instrumentation.wire.gate import Gate
from spanledger_instrumentation.wire.paths import Route

#: Transports that answer from an app in this process. Such an app makes calls of its own, and those are metered.
_OF_THIS_PROCESS = frozenset({"ASGITransport", "WSGITransport", "_TestClientTransport"})


class HttpxWire(Adapter):
    """Meters what passes through httpx."""

    library: ClassVar[str] = "httpx"

    def __init__(self, gate: Gate) -> None:
        super().__init__(gate.calls)
        self._gate = gate

    def install(self) -> None:
        """Wrap the two methods once the library has been imported."""
        self.wrap(f"{self.library}._client", "Client.send", self._send)
        self.wrap(f"{self.library}._client", "AsyncClient.send", self._send_async)

    @staticmethod
    def _route(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Route, Any] | None:
        """What a request asks for, with the request; None if it asks no model."""
        request = args[0] if args else kwargs.get("request")
        if request is None or request.method != "POST":
            return None
        found = Gate.route("POST", request.url.raw_path.decode("ascii"))
        return None if found is None else (found, request)

    def _begin(self, client: Any, found: Route, request: Any) -> Exchange | None:
        with self.understanding:
            url = request.url
            if type(client._transport_for_url(url)).__name__ in _OF_THIS_PROCESS:  # noqa: SLF001  no public way
                return None
            body = getattr(request, "_content", None)
            server = (url.host, url.port)
            return self._gate.begin(found, server, body, request.headers, may_ask=isinstance(body, bytes))
        return None

    def _send(self, wrapped: Callable[..., Any], client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        found = self._route(args, kwargs)
        exchange = None if found is None else self._begin(client, *found)
        if found is None or exchange is None:
            return wrapped(*args, **kwargs)
        request = kwargs.pop("request", found[1])
        with exchange:
            exchange.prepare()
            wait(exchange.admission())
            response = wrapped(_asking(request, exchange), **kwargs)
            if exchange.may_reject(response.status_code):
                if not response.is_stream_consumed:
                    self._put_back(response, b"".join(response.iter_raw()))
                if exchange.rejected(_content(response)):
                    wait(exchange.admission())
                    response = wrapped(_asking(request, exchange), **kwargs)
            self._received(exchange, response)
        return response

    def _send_async(
        self, wrapped: Callable[..., Awaitable[Any]], client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Awaitable[Any]:
        found = self._route(args, kwargs)
        return wrapped(*args, **kwargs) if found is None else self._metered(wrapped, client, args, kwargs)

    async def _metered(
        self, wrapped: Callable[..., Awaitable[Any]], client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        found = self._route(args, kwargs)
        exchange = None if found is None else self._begin(client, *found)
        if found is None or exchange is None:
            return await wrapped(*args, **kwargs)
        request = kwargs.pop("request", found[1])
        with exchange:
            exchange.prepare()
            await wait_async(exchange.admission())
            response = await wrapped(_asking(request, exchange), **kwargs)
            if exchange.may_reject(response.status_code):
                if not response.is_stream_consumed:
                    self._put_back(response, b"".join([piece async for piece in response.aiter_raw()]))
                if exchange.rejected(_content(response)):
                    await wait_async(exchange.admission())
                    response = await wrapped(_asking(request, exchange), **kwargs)
            self._received(exchange, response)
        return response

    def _received(self, exchange: Exchange, response: Any) -> None:
        with contained("wire"):
            tap = exchange.tap(response.status_code, response.headers.items())
            if tap is not None:
                tap_response(response, tap, self.calls)
                exchange.hand_over()

    def _put_back(self, response: Any, body: bytes) -> None:
        """Let the app read a body, in whatever way, that was read already."""
        response.stream = sys.modules[self.library].ByteStream(body)
        response.is_stream_consumed = response.is_closed = False


class Httpx2Wire(HttpxWire):
    """The same for its successor."""

    library: ClassVar[str] = "httpx2"


def _asking(request: Any, exchange: Exchange) -> Any:
    """The request as it is sent: the app's own, or a copy with what we add."""
    if not exchange.alters:
        return request
    content = exchange.asking(request.content)
    headers = request.headers.copy()
    headers["content-length"] = str(len(content))
    return type(request)(request.method, request.url, headers=headers, content=content, extensions=request.extensions)


def _content(response: Any) -> bytes:
    """The decoded body of a response that is here, without touching the response."""
    if response.is_stream_consumed:
        return bytes(response.content)
    body = b"".join(response.stream)
    return bytes(type(response)(response.status_code, headers=response.headers, content=body).content)
