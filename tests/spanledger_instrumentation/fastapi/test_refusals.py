"""What becomes of a refusal that leaves a route."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import openai
import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, Request, WebSocket
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse, StreamingResponse
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect
from tests.spanledger_instrumentation.fastapi.conftest import Ask, Instrument
from tests.support.asking import MODEL
from tests.support.telemetry import BOOK, Telemetry

import spanledger
from spanledger.budget import inline
from spanledger.budget.memory import MemoryStore
from spanledger.budget.store import Counter
from spanledger.errors import Refusal
from spanledger.guard import Guard
from spanledger.semconv import names
from spanledger_instrumentation.openai import OpenAIAdapter

Asking = Callable[[], str]


@pytest.fixture
def guarded(telemetry: Telemetry, instrument: Instrument) -> Iterator[Guard]:
    """Nothing is left of a budget of a hundredth of a cent."""
    guard = Guard(inline.parse("tenant/day=0.0001USD"), MemoryStore(), BOOK)
    assert guard.store is not None
    today = guard.register.budgets[0].window.ids(guard.store.now(), "")[0]
    guard.store.adjust(Counter("tenant/day", "unattributed", today), 60_000, reason="test", who="test")
    telemetry.guarded(guard)
    adapter = OpenAIAdapter(telemetry.calls)
    adapter.install()
    instrument()
    yield guard
    adapter.uninstall()


@pytest.fixture
def asking(guarded: Guard, client: openai.OpenAI) -> Asking:
    """A call that is refused."""

    def ask() -> str:
        said = client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "Hello"}], max_tokens=100
        )
        return str(said.choices[0].message.content)

    return ask


def is_problem(answer: Any, instance: str = "/") -> bool:
    """Whether an answer is the whole problem, in each of its figures."""
    found = answer.json()
    assert answer.status_code == 429
    assert answer.headers["content-type"] == "application/problem+json"
    assert 0 < int(answer.headers["retry-after"]) <= 86_400
    assert str(found.pop("retry_after")) == answer.headers["retry-after"]
    needed = found.pop("needed")
    assert 60_000 < float(needed) * 1e9 < 100_000
    assert found.pop("detail").startswith("budget tenant/day of unattributed refused the call: insufficient; needed $")
    assert found == {
        "type": "urn:spanledger:problem:budget-exceeded",
        "title": "Budget exceeded",
        "status": 429,
        "instance": instance,
        "budget": "tenant/day",
        "kind": "insufficient",
        "unit": "USD",
        "limit": "0.000100000",
        "spent": "0.000060000",
        "held": "0.000000000",
    }
    return True


def test_a_route_answers_with_a_problem_and_the_span_tells_of_it(
    app: FastAPI, ask: Ask, asking: Asking, the_server_span: Callable[[], ReadableSpan]
) -> None:
    app.get("/")(asking)
    assert is_problem(ask(app))
    span = the_server_span()
    assert span.status.status_code is StatusCode.UNSET, "it is no error of the server"
    (event,) = span.events
    assert event.name == names.EVENT_SPANLEDGER_BUDGET_HALT
    assert (event.attributes or {})[names.SPANLEDGER_BUDGET_KIND] == "insufficient"


def test_an_async_route_and_a_dependency_do_so_too(app: FastAPI, ask: Ask, asking: Asking) -> None:
    @app.get("/route")
    async def route() -> str:
        return asking()

    @app.get("/dependency")
    async def dependency(said: str = Depends(asking)) -> str:
        return said

    assert is_problem(ask(app, "/route"), "/route")
    assert is_problem(ask(app, "/dependency"), "/dependency")


def test_a_streamed_answer_is_a_problem_until_its_first_byte(app: FastAPI, ask: Ask, asking: Asking) -> None:
    async def words() -> AsyncIterator[str]:
        yield asking()

    @app.get("/")
    async def route() -> StreamingResponse:
        return StreamingResponse(words(), media_type="text/event-stream")

    assert is_problem(ask(app))


def test_other_sites_may_read_the_problem_as_they_may_read_the_answer(app: FastAPI, ask: Ask, asking: Asking) -> None:
    def words() -> Iterator[str]:
        yield asking()

    app.add_middleware(CORSMiddleware, allow_origins=["https://shop.test"])
    app.get("/plain")(asking)
    app.get("/stream")(lambda: StreamingResponse(words()))
    for path in ("/plain", "/stream"):
        answer = ask(app, path, headers={"origin": "https://shop.test"})
        assert is_problem(answer, path)
        assert answer.headers["access-control-allow-origin"] == "https://shop.test"


def test_after_the_first_byte_the_refusal_breaks_the_stream(app: FastAPI, ask: Ask, asking: Asking) -> None:
    def words() -> Iterator[str]:
        yield "Hello"
        yield asking()

    app.get("/")(lambda: StreamingResponse(words()))
    with pytest.raises(spanledger.BudgetExceeded):
        ask(app)


def test_a_background_task_is_refused_after_the_answer(app: FastAPI, ask: Ask, asking: Asking) -> None:
    @app.get("/")
    def route(tasks: BackgroundTasks) -> str:
        tasks.add_task(asking)
        return "later"

    with pytest.raises(spanledger.BudgetExceeded):
        ask(app)


def test_a_mounted_app_answers_for_itself(app: FastAPI, ask: Ask, asking: Asking) -> None:
    inner = FastAPI()
    inner.get("/ask")(asking)
    app.mount("/inner", inner)
    answer = ask(app, "/inner/ask")
    assert answer.status_code == 429
    assert answer.json()["instance"].endswith("/ask")


@pytest.mark.parametrize("kind", [spanledger.BudgetExceeded, RuntimeError])
def test_a_handler_of_the_apps_own_answers(app: FastAPI, ask: Ask, asking: Asking, kind: type[Exception]) -> None:
    @app.exception_handler(kind)
    async def own(_: Request, error: spanledger.BudgetExceeded) -> JSONResponse:
        return JSONResponse({"sorry": error.kind}, 402)

    app.get("/")(asking)
    answer = ask(app)
    assert (answer.status_code, answer.json()) == (402, {"sorry": "insufficient"})


def test_a_handler_of_everything_is_not_meant(app: FastAPI, ask: Ask, asking: Asking) -> None:
    app.add_exception_handler(Exception, lambda *_: JSONResponse({}, 500))
    app.get("/")(asking)
    assert is_problem(ask(app))


def test_a_websocket_is_closed_to_try_again_later(app: FastAPI, asking: Asking) -> None:
    @app.websocket("/")
    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        asking()

    with TestClient(app) as client, client.websocket_connect("/") as socket, pytest.raises(WebSocketDisconnect) as left:
        socket.receive_text()
    assert left.value.code == 1013
    assert left.value.reason.startswith("budget tenant/day of unattributed refused the call: insufficient")
    assert len(left.value.reason.encode()) <= 123


def test_a_websocket_that_is_not_accepted_yet_is_denied(app: FastAPI, asking: Asking) -> None:
    @app.websocket("/")
    async def talk(socket: WebSocket) -> None:
        asking()

    with TestClient(app) as client, pytest.raises(WebSocketDenialResponse) as denied, client.websocket_connect("/"):
        pass
    assert is_problem(denied.value)


def test_a_stream_that_has_nothing_to_say_yet_still_sends_its_head(
    app: FastAPI, guarded: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readers of events wait for the head of an answer, which may long come before the first of them."""
    monkeypatch.setattr("spanledger_instrumentation.fastapi.refusals.PATIENCE", 0.01)
    head = asyncio.Event()
    sent: list[Any] = []

    async def words() -> AsyncIterator[str]:
        await head.wait()
        yield "late"

    async def send(message: Any) -> None:
        sent.append(message["type"])
        head.set()

    async def receive() -> Any:
        await asyncio.Event().wait()

    app.get("/")(lambda: StreamingResponse(words()))
    connection = {
        "type": "http", "method": "GET", "path": "/", "raw_path": b"/", "query_string": b"", "headers": [],
        "asgi": {"spec_version": "2.4"}, "http_version": "1.1", "scheme": "http", "root_path": "",
    }  # fmt: skip
    asyncio.run(app(connection, receive, send))
    assert sent == ["http.response.start", "http.response.body", "http.response.body"]


def test_an_error_that_is_no_refusal_is_as_ever(app: FastAPI, ask: Ask, guarded: Guard) -> None:
    def words() -> Iterator[str]:
        yield json.loads("{")

    app.get("/")(lambda: StreamingResponse(words()))
    with pytest.raises(json.JSONDecodeError):
        ask(app)


def test_without_a_budget_nothing_is_added(app: FastAPI, instrumented: None, ask: Ask) -> None:
    def refuse() -> None:
        raise spanledger.BudgetExceeded(Refusal("run/run", "exhausted"))

    app.get("/")(refuse)
    with pytest.raises(spanledger.BudgetExceeded):
        ask(app)
