"""aiohttp: every request passes `ClientSession._request`, which returns when the head of the answer is there."""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable, Mapping
from types import ModuleType
from typing import Any, ClassVar
from weakref import finalize

from spanledger.errors import contained
from spanledger_instrumentation.adapter import Adapter
from spanledger_instrumentation.waiting import wait_async
from spanledger_instrumentation.wire.exchange import Exchange
from spanledger_instrumentation.wire.gate import Gate

_Send = Callable[..., Awaitable[Any]]


class AiohttpWire(Adapter):
    """Meters what passes through aiohttp."""

    library: ClassVar[str] = "aiohttp"

    def __init__(self, gate: Gate) -> None:
        super().__init__(gate.calls)
        self._gate = gate

    def install(self) -> None:
        """Wrap the method once the library has been imported."""
        self.when_imported("aiohttp", self._imported)
        self.wrap("aiohttp.client", "ClientSession._request", self._request)

    def _imported(self, _library: ModuleType) -> None:
        self._readers = importlib.import_module("spanledger_instrumentation.wire.aiohttp_readers")

    def _request(self, wrapped: _Send, session: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Awaitable[Any]:
        if len(args) == 2 and Gate.route(args[0], str(args[1])) is not None:
            return self._metered(wrapped, session, args, kwargs)
        return wrapped(*args, **kwargs)

    def _begin(self, session: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Exchange | None:
        with self.understanding:
            found = Gate.route(args[0], str(args[1]))
            if found is None:
                return None
            url = session._build_url(args[1])  # noqa: SLF001  what a relative URL is relative to
            body = _body(kwargs)
            may_ask = body is not None and not kwargs.get("compress")
            server = (url.host or "", url.explicit_port)
            return self._gate.begin(found, server, body, _headers(session, kwargs), may_ask=may_ask)
        return None

    async def _metered(self, wrapped: _Send, session: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        exchange = self._begin(session, args, kwargs)
        if exchange is None:
            return await wrapped(*args, **kwargs)
        with exchange:
            exchange.prepare()
            await wait_async(exchange.admission())
            try:
                response = await wrapped(*args, **_asking(exchange, kwargs))
                again = exchange.may_reject(response.status) and exchange.rejected(await self._looked_at(response))
            except Exception as error:
                if not exchange.may_reject(getattr(error, "status", 0)):
                    raise
                again = exchange.rejected(None)  # the session raises for a status, and the body is gone with it
            if again:
                await wait_async(exchange.admission())
                response = await wrapped(*args, **_asking(exchange, kwargs))
            self._received(exchange, response)
        return response

    def _received(self, exchange: Exchange, response: Any) -> None:
        with contained("wire"):
            tap = exchange.tap(response.status, response.headers.items())
            if tap is not None:
                response.content = self._readers.TappedReader(response.content, tap)
                self.calls.streams.add(tap)
                self.calls.afterwards.ready()
                finalize(response, tap.abandoned, self.calls.afterwards).atexit = False
                exchange.hand_over()

    async def _looked_at(self, response: Any) -> bytes:
        """The body of an error, which is put back for the app to read in whatever way."""
        body = bytes(await response.read())
        response.content, response._body = self._readers.filled(body), None  # noqa: SLF001  there is no public way
        return body


def _body(kwargs: Mapping[str, Any]) -> Mapping[str, Any] | bytes | str | None:
    """The body as it was given, None if it cannot be seen without consuming it, or is no JSON."""
    given, data = kwargs.get("json"), kwargs.get("data")
    if isinstance(given, Mapping):
        return given
    return data if given is None and isinstance(data, (bytes, str)) else None


def _headers(session: Any, kwargs: Mapping[str, Any]) -> dict[str, str]:
    """The headers that the app gave, by their names in small letters."""
    given = kwargs.get("headers") or {}
    pairs = given.items() if isinstance(given, Mapping) else given
    found = {str(name).lower(): str(value) for name, value in session.headers.items()}
    return found | {str(name).lower(): str(value) for name, value in pairs}


def _asking(exchange: Exchange, kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of the request as it is sent: the app's own, or with a body with what we add."""
    if not exchange.alters:
        return kwargs
    given = kwargs.get("json")
    if isinstance(given, Mapping):
        return {**kwargs, "json": exchange.altered(given)}
    return {**kwargs, "data": exchange.asking(kwargs["data"])}
