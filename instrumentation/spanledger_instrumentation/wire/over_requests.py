"""requests: every request passes `Session.send`, above authentication's hooks and redirects."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit
from weakref import finalize

import wrapt

from spanledger.call import Calls
from spanledger.errors import contained
from spanledger.stream import Tap
from spanledger_instrumentation.adapter import Adapter
from spanledger_instrumentation.waiting import wait
from spanledger_instrumentation.wire.exchange import Exchange
from spanledger_instrumentation.wire.gate import Gate
from spanledger_instrumentation.wire.paths import Route

if TYPE_CHECKING:
    _Proxy = wrapt.ObjectProxy[Any]
else:  # older releases of wrapt are no generics
    _Proxy = wrapt.ObjectProxy


class RequestsWire(Adapter):
    """Meters what passes through requests."""

    library: ClassVar[str] = "requests"

    def __init__(self, gate: Gate) -> None:
        super().__init__(gate.calls)
        self._gate = gate

    def install(self) -> None:
        """Wrap the method once the library has been imported."""
        self.wrap("requests.sessions", "Session.send", self._send)

    def _begin(self, request: Any) -> Exchange | None:
        with self.understanding:
            found: Route | None = Gate.route(request.method, request.url)
            if found is None:
                return None
            url, body = urlsplit(request.url), request.body
            server, may_ask = (url.hostname or "", url.port), isinstance(body, (bytes, str))
            return self._gate.begin(found, server, body, request.headers, may_ask=may_ask)
        return None

    def _send(self, wrapped: Callable[..., Any], _session: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        request: Any = args[0] if args else kwargs.get("request")
        exchange = self._begin(request)
        if exchange is None:
            return wrapped(*args, **kwargs)
        kwargs.pop("request", None)
        with exchange:
            exchange.prepare()
            wait(exchange.admission())
            response = wrapped(_asking(request, exchange), **kwargs)
            if exchange.may_reject(response.status_code) and exchange.rejected(_content(response)):
                wait(exchange.admission())
                response = wrapped(_asking(request, exchange), **kwargs)
            self._received(exchange, response)
        return response

    def _received(self, exchange: Exchange, response: Any) -> None:
        with contained("wire"):
            tap = exchange.tap(response.status_code, response.headers.items())
            if tap is not None:
                _tap(response, tap, self.calls)
                exchange.hand_over()


def _asking(request: Any, exchange: Exchange) -> Any:
    """The request as it is sent: the app's own, or a copy with what we add."""
    if not exchange.alters:
        return request
    copy = request.copy()
    copy.body = exchange.asking(request.body)
    copy.headers["Content-Length"] = str(len(copy.body))
    return copy


def _content(response: Any) -> bytes:
    """The body of an error, which is put back for the app to read in whatever way."""
    if isinstance(response._content, bytes):  # noqa: SLF001  `content` would read it
        return response._content  # noqa: SLF001
    body, raw = bytes(response.content), response.raw
    response.raw = type(raw)(io.BytesIO(body), status=raw.status, preload_content=False)
    response._content, response._content_consumed = False, False  # noqa: SLF001  there is no public way
    return body


def _pieces(data: bytes, size: int | None) -> Iterator[bytes]:
    """Data in pieces that are no larger than the app asked for."""
    if not size or len(data) <= size:
        return iter((data,) if data else ())
    return (data[at : at + size] for at in range(0, len(data), size))


def _tap(response: Any, tap: Tap, calls: Calls) -> None:
    """Put a tap into a response. A body that is already here, as it is without `stream=True`, is read at once."""
    if isinstance(response._content, bytes):  # noqa: SLF001  `content` would read it
        response._content = tap.feed(response._content) + tap.flush()  # noqa: SLF001  there is no public way
        return
    response.raw = _Tapped(response.raw, tap)
    calls.streams.add(tap)
    calls.afterwards.ready()
    finalize(response, tap.abandoned, calls.afterwards).atexit = False


class _Tapped(_Proxy):
    """urllib3's response, read through a tap. What is read without being decoded passes by it where it is encoded."""

    def __init__(self, raw: Any, tap: Tap) -> None:
        super().__init__(raw)
        self._self_tap = tap
        self._self_encoded = bool(raw.headers.get("content-encoding"))
        #: Bytes for the app that a reading of a certain size left over.
        self._self_rest = b""
        self._self_done = False

    def stream(self, amt: int | None = 2**16, decode_content: bool | None = None) -> Iterator[bytes]:
        """What `iter_content`, `iter_lines`, `content` and `json` of the response read."""
        tap, seen = self._self_tap, self._sees(decode_content)
        try:
            for data in self.__wrapped__.stream(amt, decode_content):
                yield from _pieces(tap.feed(data) if seen else data, amt)
        except GeneratorExit:
            raise
        except BaseException as error:
            tap.broken(error)
            raise
        if seen:
            yield from _pieces(tap.flush(), amt)

    def read(self, amt: int | None = None, decode_content: bool | None = None, cache_content: bool = False) -> bytes:
        """As a file is read, by apps that take the raw response."""
        if not self._sees(decode_content):
            return bytes(self.__wrapped__.read(amt, decode_content, cache_content))
        out, self._self_rest = self._self_rest, b""
        while not self._self_done and (amt is None or len(out) < amt):
            out += self._next(None if amt is None else amt - len(out), decode_content)
        if amt is not None:
            out, self._self_rest = out[:amt], out[amt:]
        return out

    def _next(self, amt: int | None, decode_content: bool | None) -> bytes:
        try:
            data = self.__wrapped__.read(amt, decode_content)
        except BaseException as error:
            self._self_tap.broken(error)
            raise
        if data and amt is not None:
            return self._self_tap.feed(data)
        self._self_done = True
        return self._self_tap.feed(data) + self._self_tap.flush()

    def __iter__(self) -> Iterator[bytes]:
        return iter(type(self.__wrapped__).__iter__(self))

    def _sees(self, decode_content: bool | None) -> bool:
        """Whether what is read is text."""
        decodes = self.__wrapped__.decode_content if decode_content is None else decode_content
        return bool(decodes) or not self._self_encoded

    def close(self) -> None:
        """The app is done with it."""
        try:
            self.__wrapped__.close()
        finally:
            self._self_tap.closed()

    def release_conn(self) -> None:
        """The app is done with it."""
        try:
            self.__wrapped__.release_conn()
        finally:
            self._self_tap.closed()
