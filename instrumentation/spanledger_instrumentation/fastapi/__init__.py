"""FastAPI: a server span and a scope for each request and WebSocket connection.

Server spans come from opentelemetry-instrumentation-fastapi, without its spans for each message sent and received, and
under the stable HTTP names that our distro asks for. Without that package FastAPI's own telemetry makes them where it
has one. The scope is ours, and there in any case.

A refusal that leaves a route becomes an answer, where a budget is set and the app does not see to that itself.

An app is prepared when it is first called, whatever it was imported as and whenever it was made; so one that the user
has instrumented himself by then is left as he wished, and gets the scope. Preparing wraps the middleware that is there
and touches neither routes nor state.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar
from weakref import WeakSet

from opentelemetry.metrics import NoOpMeterProvider

from spanledger.call import Calls
from spanledger.errors import contained, log
from spanledger.scope import Held
from spanledger_instrumentation.adapter import Adapter
from spanledger_instrumentation.fastapi import refusals
from spanledger_instrumentation.fastapi.middleware import KEY, App, ScopeMiddleware, Serving, Trust

Serve = Callable[..., Awaitable[None]]

_INSTRUMENTOR = "opentelemetry.instrumentation.fastapi"
#: The class that opens the server span, in opentelemetry-instrumentation-asgi and in Starlette.
_SERVER_SPAN = "OpenTelemetryMiddleware"


class FastAPIAdapter(Adapter):
    """Prepares each FastAPI app when it is first called."""

    library: ClassVar[str] = "fastapi"

    def __init__(self, calls: Calls) -> None:
        super().__init__(calls)
        self._trust = Trust(calls.settings.trusts_baggage, calls.settings.trusts_headers)
        self._prepared: WeakSet[App] = WeakSet()
        self._middlewares: WeakSet[ScopeMiddleware] = WeakSet()
        self._told = False

    def install(self) -> None:
        """Wrap the call of an app. Not by the name `fastapi.FastAPI`, which instrumentation replaces."""
        self.wrap("fastapi.applications", "FastAPI.__call__", self._call)

    def uninstall(self) -> None:
        """Stop laying scopes. Apps that are running keep their server spans: their stack is not built anew."""
        super().uninstall()
        for middleware in self._middlewares:
            middleware.off()

    def _call(self, wrapped: Serve, app: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Awaitable[None]:
        """Anything but a request fails here and now, as ever: uvicorn calls `app()` to see whether it is a factory."""
        if len(args) + len(kwargs) != 3:
            return wrapped(*args, **kwargs)
        return self._serve(wrapped, app, args, kwargs)

    async def _serve(self, wrapped: Serve, app: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        connection = args[0] if args else kwargs["scope"]
        if app.middleware_stack is None:
            with contained(self.library):
                self._instrument(app, mounted=KEY in connection)
            app.middleware_stack = app.build_middleware_stack()  # as this very call would do
        if app.middleware_stack not in self._prepared:
            with contained(self.library):
                self._insert(app)
        if KEY in connection or connection["type"] not in ("http", "websocket"):
            return await wrapped(*args, **kwargs)
        held = Held(Serving.of(connection).outside)
        try:
            await wrapped(*args, **kwargs)
        finally:
            held.release()

    def _insert(self, app: Any) -> None:
        """Put the scope into the middleware stack, directly inside what opens the server span."""
        self._prepared.add(app.middleware_stack)
        server = _server_span(app.middleware_stack)
        inner = app.middleware_stack if server is None else server.app
        if self.calls.guard is not None and not refusals.handles(app):
            refusals.install(inner)
            inner = refusals.RefusalMiddleware(inner)
        middleware = ScopeMiddleware(inner, self._trust)
        self._middlewares.add(middleware)
        if server is None:
            app.middleware_stack = middleware
            self._prepared.add(middleware)
        else:
            server.app = middleware

    def _instrument(self, app: Any, *, mounted: bool) -> None:
        """Give the app server spans, unless somebody has. Requests to a mounted app are counted by the outer one."""
        if _instrumented(app) or _switched_off():
            return
        if importlib.util.find_spec(_INSTRUMENTOR) is None:
            if not self._told:
                log.info("%s is not installed: server spans are left to FastAPI itself", _INSTRUMENTOR)
            self._told = True
            return
        from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor  # noqa: PLC0415 imports fastapi

        FastAPIInstrumentor.instrument_app(
            app, exclude_spans=["send", "receive"], meter_provider=NoOpMeterProvider() if mounted else None
        )


def _instrumented(app: Any) -> bool:
    """Whether the user has seen to server spans himself, by the instrumentor or by a middleware."""
    if getattr(app, "_is_instrumented_by_opentelemetry", False):
        return True
    return any(getattr(added.cls, "__name__", "") == _SERVER_SPAN for added in app.user_middleware)


def _switched_off() -> bool:
    """Whether the user has switched FastAPI's instrumentation off, by the variable that OpenTelemetry has for it."""
    names = os.environ.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "").split(",")
    return not {"fastapi", "*"}.isdisjoint(name.strip() for name in names)


def _server_span(stack: Any) -> Any:
    """The middleware in a stack that opens the server span, None if there is none."""
    seen: set[int] = set()
    while stack is not None and id(stack) not in seen:
        seen.add(id(stack))
        if type(stack).__name__ == _SERVER_SPAN:
            return stack
        stack = getattr(stack, "app", None)
    return None
