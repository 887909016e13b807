"""Runs and stages that an app opens while it serves a request."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI
from fastapi.responses import StreamingResponse
from opentelemetry.sdk.trace import ReadableSpan
from starlette.testclient import TestClient
from tests.support.telemetry import Telemetry
from tests.support.tracing import Called, call, paths, run_of

from spanledger import scope
from spanledger.block import run, stage

pytestmark = pytest.mark.usefixtures("instrumented")


@stage("decorated")
def resource() -> Iterator[str | None]:
    yield scope.current().stage


def _endpoint(app: FastAPI, found: list[Called]) -> None:
    @app.get("/")
    async def endpoint() -> None:
        found.append(call())


def test_a_dependency_may_open_a_stage_for_its_endpoint(app: FastAPI, ask: Any, found: list[Called]) -> None:
    async def staged() -> AsyncIterator[None]:
        with stage("chat"):
            yield

    @app.get("/", dependencies=[Depends(staged)])
    async def endpoint(value: Annotated[str | None, Depends(resource)]) -> str | None:
        found.append(call())
        return value

    assert ask(app).json() == "decorated"
    assert found[0].scope.stage == "chat"


def test_a_stage_in_a_sync_dependency_ends_in_another_thread_in_silence(
    app: FastAPI, ask: Any, telemetry: Telemetry, caplog: pytest.LogCaptureFixture
) -> None:
    def staged() -> Iterator[None]:
        with stage("threaded"):
            yield

    @app.get("/", dependencies=[Depends(staged)])
    def endpoint() -> None: ...

    assert ask(app).status_code == 200
    assert [r for r in caplog.records if r.levelname != "INFO"] == []
    assert paths(telemetry.spans) == ["GET /", "GET / > threaded"]


def test_a_decorated_stream_is_in_its_stage_until_its_last_piece(app: FastAPI, ask: Any, telemetry: Telemetry) -> None:
    @stage("writer")
    async def body() -> AsyncIterator[str]:
        yield "a"
        call()
        yield "b"

    @app.get("/")
    async def endpoint() -> StreamingResponse:
        return StreamingResponse(body())

    assert ask(app).text == "ab"
    assert paths(telemetry.spans) == ["GET /", "GET / > writer", "GET / > writer > call"]


def test_an_explicit_run_goes_before_that_of_the_request(app: FastAPI, ask: Any, found: list[Called]) -> None:
    @app.get("/")
    async def endpoint() -> None:
        with run("mine"):
            found.append(call())

    ask(app)
    assert found[0].scope.run == "mine"


def test_a_request_that_is_made_inside_a_run_belongs_to_it(app: FastAPI, ask: Any, found: list[Called]) -> None:
    _endpoint(app, found)
    with run("outer"):
        ask(app)
    assert found[0].scope.run == "outer"


def test_a_mounted_app_adds_its_route_to_the_trace_and_no_second_server_span(
    app: FastAPI, ask: Any, telemetry: Telemetry, the_server_span: Callable[[], ReadableSpan], found: list[Called]
) -> None:
    inner = FastAPI()

    @inner.get("/items")
    async def items() -> None:
        found.append(call())

    app.mount("/v1", inner)
    ask(app, "/v1/items")
    assert paths(telemetry.spans) == ["GET /v1", "GET /v1 > GET /items", "GET /v1 > GET /items > call"]
    assert found[0].scope.run == run_of(the_server_span())


def test_a_request_that_an_app_sends_to_itself_in_process_is_paid_by_its_sender(
    app: FastAPI, found: list[Called]
) -> None:
    _endpoint(app, found)

    @app.get("/outer")
    async def outer() -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://self") as client:
            with run("outer"), stage("asking"):
                await client.get("/")

    with TestClient(app) as client:
        assert client.get("/outer").status_code == 200
    assert [(c.scope.run, c.scope.stage) for c in found] == [("outer", "asking")]
