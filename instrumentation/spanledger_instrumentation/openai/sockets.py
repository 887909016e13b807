"""The websockets below the client's sessions: what passes through them is shown to a session.

Whichever class the client has for a kind of session, all of them send and receive through the connection of the
`websockets` library that they were made with. That is wrapped, and stays the object that it was to everybody else.
"""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import wrapt

from spanledger.call import Calls
from spanledger.errors import contained
from spanledger_instrumentation.clients.adapter import REFUSING
from spanledger_instrumentation.openai.sessions import Kind, Session
from spanledger_instrumentation.waiting import wait, wait_async

if TYPE_CHECKING:
    _Proxy = wrapt.ObjectProxy[Any]
else:  # older releases of wrapt are no generics
    _Proxy = wrapt.ObjectProxy

#: Where the client has its sessions, and what is spoken there.
METERED: tuple[tuple[str, str, Kind], ...] = (
    ("openai.resources.realtime.realtime", "RealtimeConnection", "realtime"),
    ("openai.resources.beta.realtime.realtime", "RealtimeConnection", "realtime"),
    ("openai.resources.responses.responses", "ResponsesConnection", "responses"),
    ("openai.resources.beta.responses.responses", "ResponsesConnection", "responses"),
)
#: Sessions that nobody meters: they tell seconds of audio at most, and nothing of what they cost.
UNMETERED: tuple[tuple[str, str], ...] = (
    ("openai.resources.realtime.translations.translations", "TranslationsConnection"),
    ("openai.resources.live.live", "LiveConnection"),
    ("openai.resources.live.sideband", "SidebandConnection"),
    ("openai.resources.live.forks", "ForksConnection"),
)


class _Socket(_Proxy):
    """A connection of threads."""

    def __init__(self, connection: Any, session: Session) -> None:
        super().__init__(connection)
        self._self_session = session

    def send(self, message: Any, *args: Any, **kwargs: Any) -> Any:
        with REFUSING:
            wait(self._self_session.sending(message))
        try:
            return self.__wrapped__.send(message, *args, **kwargs)
        except BaseException as error:
            self._self_session.not_sent(error)
            raise

    def recv(self, *args: Any, **kwargs: Any) -> Any:
        try:
            message = self.__wrapped__.recv(*args, **kwargs)
        except Exception as error:
            _broken(self._self_session, error)
            raise
        self._self_session.received(message)
        return message

    def close(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return self.__wrapped__.close(*args, **kwargs)
        finally:
            self._self_session.closed()


class _AsyncSocket(_Proxy):
    """A connection of coroutines."""

    def __init__(self, connection: Any, session: Session) -> None:
        super().__init__(connection)
        self._self_session = session

    async def send(self, message: Any, *args: Any, **kwargs: Any) -> Any:
        with REFUSING:
            await wait_async(self._self_session.sending(message))
        try:
            return await self.__wrapped__.send(message, *args, **kwargs)
        except BaseException as error:
            self._self_session.not_sent(error)
            raise

    async def recv(self, *args: Any, **kwargs: Any) -> Any:
        try:
            message = await self.__wrapped__.recv(*args, **kwargs)
        except Exception as error:
            _broken(self._self_session, error)
            raise
        self._self_session.received(message)
        return message

    async def close(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return await self.__wrapped__.close(*args, **kwargs)
        finally:
            self._self_session.closed()


def _broken(session: Session, error: Exception) -> None:
    """Nothing comes any more if the connection is closed; a timeout of the app's own is no end."""
    if any(kind.__name__ == "ConnectionClosed" for kind in type(error).__mro__):
        ended_well = type(error).__name__ == "ConnectionClosedOK"
        session.closed(None if ended_well else error)


def metered(calls: Calls, kind: Kind) -> Callable[..., Any]:
    """Wraps the constructor of a session of the client: its connection, and those it makes when one breaks."""

    def shown(connection: Any) -> Any:
        with contained("openai"):
            session = Session(calls, kind, connection.request)
            socket = (_AsyncSocket if inspect.iscoroutinefunction(connection.send) else _Socket)(connection, session)
            calls.streams.add(session)
            calls.afterwards.ready()
            weakref.finalize(socket, calls.afterwards.put, session.closed).atexit = False
            return socket
        return connection

    def construct(wrapped: Callable[..., Any], _session: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if args:
            args = (shown(args[0]), *args[1:])
        else:
            kwargs = {**kwargs, "connection": shown(kwargs["connection"])}
        if (make := kwargs.get("make_ws")) is not None:
            kwargs = {**kwargs, "make_ws": _making(make, shown)}
        return wrapped(*args, **kwargs)

    return construct


def _making(make: Callable[..., Any], shown: Callable[[Any], Any]) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(make):

        async def made(*args: Any) -> Any:
            return shown(await make(*args))

        return made
    return lambda *args: shown(make(*args))


def unmetered(calls: Calls) -> Callable[..., Any]:
    """Wraps the constructor of a session that nobody meters: under a hard budget there is none."""

    def construct(wrapped: Callable[..., Any], session: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        calls.payers.unbounded(f"{type(session).__name__} is not metered")
        return wrapped(*args, **kwargs)

    return construct
