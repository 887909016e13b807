"""The choke point of the clients that come from one generator (OpenAI's and Anthropic's).

Every resource, sync or async, plain, raw, parsed or streamed, passes `SyncAPIClient.request` or its async twin: there
a request begins and ends. Every HTTP attempt passes an inner method below the client's retry loop: there answers are
read.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, ClassVar

from spanledger.errors import Refused, contained
from spanledger_instrumentation.adapter import Adapter
from spanledger_instrumentation.clients.exchange import CURRENT, Exchange
from spanledger_instrumentation.refusal import refuse
from spanledger_instrumentation.waiting import wait, wait_async


class Refusing:
    """Above a client's retry loop: here a refusal becomes the error that the app sees. It has no state."""

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_back: TracebackType | None
    ) -> None:
        if isinstance(error, Refused):
            refuse(error.refusal)


REFUSING = Refusing()


class ClientAdapter(Adapter):
    """Meters a client and everything that is built on it."""

    #: The client's module that has both classes, and the name of the method that makes one HTTP attempt.
    base: ClassVar[str]
    attempt: ClassVar[str]

    def install(self) -> None:
        """Wrap the four methods once the client has been imported."""
        self.wrap(self.base, "SyncAPIClient.request", self._request)
        self.wrap(self.base, "AsyncAPIClient.request", self._request_async)
        self.wrap(self.base, f"SyncAPIClient.{self.attempt}", self._attempt)
        self.wrap(self.base, f"AsyncAPIClient.{self.attempt}", self._attempt_async)

    @abstractmethod
    def exchange(self, client: Any, args: tuple[Any, ...]) -> Exchange | None:
        """The exchange for a request of the client, None if it asks no model to work or cannot be understood.

        `args` are those of the client's `request`: `cast_to` and the options.
        """

    def lone(self, client: Any, args: tuple[Any, ...]) -> Exchange | None:  # noqa: ARG002  what an attempt is made with
        """The exchange for an attempt that belongs to no request, None if there is nothing to meter in it."""
        return None

    @abstractmethod
    def received(self, result: Any, kwargs: dict[str, Any]) -> tuple[Any, bool]:
        """The response in what an attempt returned, and whether its body is still to come."""

    def _begin(self, client: Any, args: tuple[Any, ...]) -> Exchange | None:
        """As `exchange`. A request that is not metered hides the one in whose midst it is made."""
        for point in self.points:
            if point.state == "missing" and point.required:
                why = f"this version of {self.library} lacks a patch point, see spanledger doctor"
                self.calls.payers.unmetered(why)
                return None  # told when the client was imported; half a call would be worse than none
        return self.exchange(client, args) or (Exchange(args) if CURRENT.get() is not None else None)

    def _request(self, wrapped: Callable[..., Any], client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        args = _positional(args, kwargs)
        exchange = self._begin(client, args)
        if exchange is None:
            return wrapped(*args, **kwargs)
        with exchange, REFUSING:
            exchange.prepare()
            while True:
                try:
                    result = wrapped(*exchange.args, **kwargs)
                    break
                except Exception as error:
                    if not exchange.again(error):
                        raise
            exchange.got_through()
        return result

    async def _request_async(
        self, wrapped: Callable[..., Awaitable[Any]], client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        args = _positional(args, kwargs)
        exchange = self._begin(client, args)
        if exchange is None:
            return await wrapped(*args, **kwargs)
        with exchange, REFUSING:
            exchange.prepare()
            while True:
                try:
                    result = await wrapped(*exchange.args, **kwargs)
                    break
                except Exception as error:
                    if not exchange.again(error):
                        raise
            exchange.got_through()
        return result

    def _attempt(self, wrapped: Callable[..., Any], client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        exchange = CURRENT.get()
        if exchange is None or exchange.answered:
            lone = self.lone(client, args)
            if lone is None:
                return wrapped(*args, **kwargs)
            with lone:
                return self._attempt(wrapped, client, args, kwargs)
        exchange.attempt_begins(args)
        wait(exchange.admission(args))
        try:
            result = wrapped(*args, **kwargs)
        except BaseException as error:
            exchange.attempt_failed(error)
            raise
        with contained(self.library):
            response, streamed = self.received(result, kwargs)
            exchange.attempt_answered(response, streamed=streamed)
        return result

    async def _attempt_async(
        self, wrapped: Callable[..., Awaitable[Any]], client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        exchange = CURRENT.get()
        if exchange is None or exchange.answered:
            lone = self.lone(client, args)
            if lone is None:
                return await wrapped(*args, **kwargs)
            with lone:
                return await self._attempt_async(wrapped, client, args, kwargs)
        exchange.attempt_begins(args)
        await wait_async(exchange.admission(args))
        try:
            result = await wrapped(*args, **kwargs)
        except BaseException as error:
            exchange.attempt_failed(error)
            raise
        with contained(self.library):
            response, streamed = self.received(result, kwargs)
            exchange.attempt_answered(response, streamed=streamed)
        return result


def _positional(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """`cast_to` and `options` of a request, taken out of the keywords if they were given as such."""
    return args + tuple(kwargs.pop(name) for name in ("cast_to", "options")[len(args) :] if name in kwargs)
