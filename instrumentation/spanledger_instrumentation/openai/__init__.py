"""The OpenAI SDK, at its one choke point.

Every resource, sync or async, plain, raw, parsed or streamed, passes `SyncAPIClient.request` or its async twin: there a
call begins and ends. Every HTTP attempt passes `_send_request` below the client's retry loop: there answers are read.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

from spanledger.call import Calls
from spanledger.errors import contained
from spanledger_instrumentation.adapter import Adapter
from spanledger_instrumentation.openai.background import Background
from spanledger_instrumentation.openai.exchange import CURRENT, Exchange, rejects_usage_option
from spanledger_instrumentation.openai.request import endpoint
from spanledger_instrumentation.openai.reread import Reread

_BASE = "openai._base_client"


class OpenAIAdapter(Adapter):
    """Meters the OpenAI client and everything that is built on it."""

    library: ClassVar[str] = "openai"

    def __init__(self, calls: Calls) -> None:
        super().__init__(calls)
        self._background = Background()
        #: Base URLs whose server refuses `stream_options.include_usage`.
        self._without_usage: set[str] = set()

    def install(self) -> None:
        """Wrap the four methods once the client has been imported."""
        self.wrap(_BASE, "SyncAPIClient.request", self._request)
        self.wrap(_BASE, "AsyncAPIClient.request", self._request_async)
        self.wrap(_BASE, "SyncAPIClient._send_request", self._send)
        self.wrap(_BASE, "AsyncAPIClient._send_request", self._send_async)

    def _begin(self, client: Any, args: tuple[Any, ...]) -> Exchange | None:
        """The exchange for a request of the client, None if it asks no model to work or cannot be understood."""
        if any(point.state == "missing" for point in self.points):
            return None  # told when the client was imported; half a call would be worse than none
        with contained("openai"):
            found = endpoint(args[1].method, str(args[1].url))
            if found is None:
                return None
            if found.retrieved is None:
                ask = not self._without_usage or str(client.base_url) not in self._without_usage
                return Exchange(self.calls, self._background, client, args, found, ask=ask)
            if self._background.waiting(found.retrieved):
                return Reread(self.calls, self._background, client, args, found)
        return None

    @staticmethod
    def _again(exchange: Exchange, error: BaseException) -> bool:
        """Whether the error is about the usage option that we added, so that the request is to be made without."""
        if not (exchange.asked and rejects_usage_option(error)):
            return False
        exchange.plain_again()
        return True

    def _remember(self, client: Any) -> None:
        """The plain request got through: this server refuses the option."""
        self._without_usage.add(str(client.base_url))

    def _request(self, wrapped: Callable[..., Any], client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        args = _positional(args, kwargs)
        exchange = self._begin(client, args)
        if exchange is None:
            return wrapped(*args, **kwargs)
        with exchange:
            try:
                result = wrapped(*exchange.args, **kwargs)
            except Exception as error:
                if not self._again(exchange, error):
                    raise
                result = wrapped(*args, **kwargs)
                self._remember(client)
        return result

    async def _request_async(
        self, wrapped: Callable[..., Awaitable[Any]], client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        args = _positional(args, kwargs)
        exchange = self._begin(client, args)
        if exchange is None:
            return await wrapped(*args, **kwargs)
        with exchange:
            try:
                result = await wrapped(*exchange.args, **kwargs)
            except Exception as error:
                if not self._again(exchange, error):
                    raise
                result = await wrapped(*args, **kwargs)
                self._remember(client)
        return result

    @staticmethod
    def _send(wrapped: Callable[..., Any], _client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        exchange = CURRENT.get()
        if exchange is None:
            return wrapped(*args, **kwargs)
        with exchange.attempt():
            response = wrapped(*args, **kwargs)
        exchange.received(response, streamed=bool(kwargs.get("stream")))
        return response

    @staticmethod
    async def _send_async(
        wrapped: Callable[..., Awaitable[Any]], _client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        exchange = CURRENT.get()
        if exchange is None:
            return await wrapped(*args, **kwargs)
        with exchange.attempt():
            response = await wrapped(*args, **kwargs)
        exchange.received(response, streamed=bool(kwargs.get("stream")))
        return response


def _positional(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """`cast_to` and `options` of a request, taken out of the keywords if they were given as such."""
    return args + tuple(kwargs.pop(name) for name in ("cast_to", "options")[len(args) :] if name in kwargs)
