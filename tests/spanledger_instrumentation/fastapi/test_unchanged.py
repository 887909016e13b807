"""An app answers, fails, starts and stops as it does without us."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI, HTTPException, Request
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode
from starlette.testclient import TestClient
from tests.support.telemetry import Telemetry
from tests.support.tracing import Called

pytestmark = pytest.mark.usefixtures("instrumented")


def test_exceptions_reach_handlers_and_server_as_ever(
    app: FastAPI, ask: Any, telemetry: Telemetry, the_server_span: Callable[[], ReadableSpan]
) -> None:
    error = LookupError("none")

    @app.get("/handled")
    async def handled() -> None:
        raise HTTPException(418, "teapot")

    @app.get("/raised")
    async def raised() -> None:
        raise error

    response = ask(app, "/handled")
    assert (response.status_code, response.json()) == (418, {"detail": "teapot"})
    assert the_server_span().status.status_code is StatusCode.UNSET
    telemetry.exporter.clear()
    with pytest.raises(LookupError) as caught:
        ask(app, "/raised")
    assert caught.value is error
    assert the_server_span().status.status_code is StatusCode.ERROR


def test_state_lifespan_and_validation_are_as_ever(found: list[Called]) -> None:
    seen: list[str] = []

    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, str]]:
        seen.append("up")
        app.state.kept = "kept"
        yield {"given": "given"}
        seen.append("down")

    app = FastAPI(lifespan=asynccontextmanager(lifespan))

    @app.get("/{number}")
    async def endpoint(request: Request, number: int) -> list[str]:
        return [request.app.state.kept, request.state.given, str(number)]

    with TestClient(app) as client:
        assert client.get("/3").json() == ["kept", "given", "3"]
        assert client.get("/x").status_code == 422
        assert client.post("/3").status_code == 405
        assert client.get("/a/b").status_code == 404
    assert seen == ["up", "down"]


def test_a_middleware_that_cannot_be_built_fails_as_ever(app: FastAPI, ask: Any) -> None:
    class Broken:
        def __init__(self, app: Any) -> None:
            raise ValueError("broken")

    broken: Any = Broken
    app.add_middleware(broken)
    with pytest.raises(ValueError, match="broken"):
        ask(app)
