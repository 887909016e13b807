"""Whatever an app does for a request belongs to the request's run and trace, and the app does it as ever."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, Request, WebSocket
from fastapi.responses import JSONResponse, StreamingResponse
from opentelemetry.sdk.trace import ReadableSpan
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.responses import Response
from starlette.testclient import TestClient
from tests.support.telemetry import Telemetry, whole
from tests.support.tracing import Called, call, paths, run_of

from spanledger.block import stage
from spanledger.semconv import names

pytestmark = pytest.mark.usefixtures("instrumented")


def test_a_request_is_one_server_span_with_stable_names_and_is_a_run(
    app: FastAPI, ask: Any, telemetry: Telemetry, the_server_span: Callable[[], ReadableSpan]
) -> None:
    @app.get("/courses/{id}")
    async def course(id: int) -> int:  # noqa: A002
        call()
        return id

    assert ask(app, "/courses/7").json() == 7
    assert paths(telemetry.spans) == ["GET /courses/{id}", "GET /courses/{id} > call"]
    span = the_server_span()
    shown = whole(span)
    assert (shown["kind"], shown["status"]) == ("SERVER", "UNSET")
    assert (
        shown["attributes"].items()
        >= {
            "http.request.method": "GET",
            "http.route": "/courses/{id}",
            "http.response.status_code": 200,
            "url.path": "/courses/7",
            "url.scheme": "http",
        }.items()
    )
    assert (span.attributes or {})[names.SPANLEDGER_RUN_ID] == run_of(span)
    assert not {"http.method", "http.status_code", "http.target"} & set(span.attributes or {})


def _async_endpoint(app: FastAPI, found: list[Called]) -> None:
    @app.get("/")
    async def endpoint() -> None:
        found.append(call())


def _sync_endpoint(app: FastAPI, found: list[Called]) -> None:
    @app.get("/")
    def endpoint() -> None:
        found.append(call())


def _dependencies(app: FastAPI, found: list[Called]) -> None:
    def sync_dependency() -> Iterator[None]:
        found.append(call())
        yield
        found.append(call())

    async def async_dependency() -> AsyncIterator[None]:
        found.append(call())
        yield
        found.append(call())

    @app.get("/", dependencies=[Depends(sync_dependency), Depends(async_dependency)])
    def endpoint() -> None: ...


def _async_stream(app: FastAPI, found: list[Called]) -> None:
    async def body() -> AsyncIterator[str]:
        found.append(call())
        yield "a"
        found.append(call())

    @app.get("/")
    async def endpoint() -> StreamingResponse:
        return StreamingResponse(body())


def _sync_stream(app: FastAPI, found: list[Called]) -> None:
    def body() -> Iterator[str]:
        found.append(call())
        yield "a"
        found.append(call())

    @app.get("/")
    def endpoint() -> StreamingResponse:
        return StreamingResponse(body())


def _middleware(app: FastAPI, found: list[Called]) -> None:
    class Middleware(BaseHTTPMiddleware):
        async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
            found.append(call())
            return await call_next(request)

    app.add_middleware(Middleware)
    _async_endpoint(app, found)


def _error_handlers(app: FastAPI, found: list[Called]) -> None:
    @app.exception_handler(KeyError)
    async def handled(_request: Request, _error: Exception) -> JSONResponse:
        found.append(call())
        return JSONResponse({})

    @app.get("/")
    def endpoint() -> None:
        raise KeyError


def _mounted(app: FastAPI, found: list[Called]) -> None:
    inner = FastAPI()
    _async_endpoint(inner, found)
    app.mount("/", inner)


@pytest.mark.parametrize(
    "add",
    [
        _async_endpoint,
        _sync_endpoint,
        _dependencies,
        _async_stream,
        _sync_stream,
        _middleware,
        _error_handlers,
        _mounted,
    ],
)
def test_all_that_is_called_for_a_request_belongs_to_it(
    app: FastAPI,
    ask: Any,
    found: list[Called],
    the_server_span: Callable[[], ReadableSpan],
    add: Callable[[FastAPI, list[Called]], None],
) -> None:
    add(app, found)
    assert ask(app).status_code == 200
    span = the_server_span()
    assert found
    assert {c.scope.run for c in found} == {run_of(span)}
    assert span.context is not None
    assert {c.trace for c in found} == {span.context.trace_id}


def test_background_tasks_keep_the_run_and_stay_in_the_trace(
    app: FastAPI, ask: Any, found: list[Called], telemetry: Telemetry, the_server_span: Callable[[], ReadableSpan]
) -> None:
    async def later() -> None:
        found.append(call())

    def in_a_thread() -> None:
        found.append(call())

    @app.get("/")
    async def endpoint(tasks: BackgroundTasks) -> None:
        with stage("left by then"):
            tasks.add_task(later)
            tasks.add_task(in_a_thread)

    ask(app)
    assert [(c.scope.run, c.scope.stage) for c in found] == [(run_of(the_server_span()), None)] * 2
    assert paths(telemetry.spans) == [
        "GET /",
        "GET / > BackgroundTask in_a_thread",
        "GET / > BackgroundTask in_a_thread > call",
        "GET / > BackgroundTask later",
        "GET / > BackgroundTask later > call",
        "GET / > left by then",
    ]


def test_each_websocket_connection_is_a_run(app: FastAPI, found: list[Called], telemetry: Telemetry) -> None:
    @app.websocket("/chat")
    async def chat(socket: WebSocket) -> None:
        await socket.accept()
        async for text in socket.iter_text():
            found.append(call())
            await socket.send_text(text)

    with TestClient(app) as client:
        for _ in range(2):
            with client.websocket_connect("/chat") as socket:
                for text in ("one", "two"):
                    socket.send_text(text)
                    assert socket.receive_text() == text
    runs = [c.scope.run for c in found]
    assert runs[0] == runs[1] != runs[2] == runs[3]
    assert paths(telemetry.spans) == ["HTTP /chat"] * 2 + ["HTTP /chat > call"] * 4
    assert {run_of(span) for span in telemetry.spans if span.name == "HTTP /chat"} == set(runs)
