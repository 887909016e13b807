"""The recommender as its users see it, with the simulated provider behind it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from provider import Provider
from recommender.app import create_app

LEARNER = {
    "goal": "Move from spreadsheets to SQL and Python for data analysis",
    "background": "Beginner, ten years of office work",
    "hours_per_week": 4,
}


@pytest.fixture
def app(provider: Provider) -> Iterator[TestClient]:
    with TestClient(create_app({"OPENAI_BASE_URL": provider.base_url, "OPENAI_API_KEY": "sk-simulated"})) as app:
        yield app


def asked(provider: Provider) -> list[tuple[str, str]]:
    """The end of the path and the model of each request, the indexing of the catalogue aside."""
    return [(entry["path"].rpartition("/")[2], entry["model"]) for entry in provider.log()[1:]]


def sent_events(text: str) -> list[dict[str, Any]]:
    return [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: ")]


def test_a_learner_gets_courses_of_the_catalogue_in_an_order(app: TestClient) -> None:
    reply = app.post("/recommend", json=LEARNER)
    answer = reply.json()

    assert reply.status_code == 200
    assert answer["profile"]["goal"] == LEARNER["goal"]
    assert answer["profile"]["hours_per_week"] == 4
    titles = [item["course"]["title"] for item in answer["recommendations"]]
    assert "Python for Data Analysis" in titles
    assert answer["path"]


def test_the_two_agents_and_the_search_ask_one_model_each_and_the_note_comes_last(
    app: TestClient, provider: Provider
) -> None:
    app.post("/recommend", json=LEARNER)

    assert asked(provider) == [
        ("completions", "gpt-4o-mini"),
        ("embeddings", "text-embedding-3-small"),
        ("completions", "gpt-5-mini"),
        ("completions", "gpt-4.1-nano"),
    ]
    [note] = app.get("/notes").json()
    assert note


def test_the_catalogue_is_indexed_once_in_one_request(app: TestClient, provider: Provider) -> None:
    app.post("/recommend", json=LEARNER)

    first = provider.log()[0]
    assert first["path"] == "/v1/embeddings"
    assert len(first["body"]["input"]) == 50


def test_the_long_instructions_of_the_second_agent_are_cached_from_the_second_request_on(
    app: TestClient, provider: Provider
) -> None:
    for goal in ("Learn SQL", "Learn Kubernetes"):
        app.post("/recommend", json={"goal": goal})

    cached = [e["tokens"]["cached_tokens"] for e in provider.log() if e["model"] == "gpt-5-mini"]
    assert cached[0] == 0
    assert cached[1] >= 1024


def test_a_stream_brings_profile_courses_text_and_an_end(app: TestClient, provider: Provider) -> None:
    reply = app.post("/recommend/stream", json=LEARNER)
    parts = sent_events(reply.text)

    assert reply.headers["content-type"].startswith("text/event-stream")
    assert [part["type"] for part in parts[:5]] == ["profile", "course", "course", "course", "text"]
    text = "".join(part["data"] for part in parts if part["type"] == "text")
    assert parts[-1]["type"] == "done"
    assert parts[-1]["data"]["path"] == text
    assert [entry["stream"] for entry in provider.log() if entry["model"] == "gpt-5-mini"] == [True]
    assert len(app.get("/notes").json()) == 1


def test_a_websocket_brings_the_same_parts(app: TestClient) -> None:
    streamed = sent_events(app.post("/recommend/stream", json=LEARNER).text)
    with app.websocket_connect("/ws/recommend") as socket:
        socket.send_text(json.dumps(LEARNER))
        received = [socket.receive_json() for _ in streamed]
        closing = socket.receive()

    assert received == streamed
    assert closing["type"] == "websocket.close"


def test_a_wrong_message_closes_the_websocket_with_a_reason(app: TestClient) -> None:
    with app.websocket_connect("/ws/recommend") as socket:
        socket.send_text('{"goal": "x"}')
        closing = socket.receive()

    assert (closing["code"], closing["reason"]) == (1007, "1 fields of the request are wrong")


def test_a_request_without_a_goal_is_told_so(app: TestClient) -> None:
    assert app.post("/recommend", json={"background": "none"}).status_code == 422


@pytest.mark.parametrize(("fault", "status"), [("400", 502), ("quota", 503)])
def test_a_failing_model_api_is_a_problem_and_not_the_callers(app: TestClient, fault: str, status: int) -> None:
    reply = app.post("/recommend", json={"goal": f"learn SQL <<fault={fault} retry_after=0.01>>"})

    assert reply.status_code == status
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["title"] == "The model API failed"


def test_a_busy_model_api_is_asked_again(app: TestClient, provider: Provider) -> None:
    reply = app.post("/recommend", json={"goal": "learn SQL <<fault=429 times=1 retry_after=0.01>>"})

    assert reply.status_code == 200
    assert [entry["status"] for entry in provider.log() if entry["model"] == "gpt-4o-mini"] == [429, 200]


def test_a_model_api_that_fails_in_a_stream_ends_it_with_a_part_that_says_so(app: TestClient) -> None:
    parts = sent_events(app.post("/recommend/stream", json={"goal": "learn SQL <<fault=401>>"}).text)

    assert [part["type"] for part in parts] == ["error"]
    assert "Incorrect API key" in parts[0]["data"]
    assert app.get("/notes").json() == []


def test_without_key_and_address_the_app_brings_its_own_provider() -> None:
    with TestClient(create_app({})) as app:
        assert app.get("/healthz").json() == {"status": "ok"}
        assert app.post("/recommend", json=LEARNER).status_code == 200


def test_the_headers_of_the_caller_do_not_reach_the_provider(app: TestClient, provider: Provider) -> None:
    app.post("/recommend", json=LEARNER, headers={"x-tenant-id": "acme", "baggage": "secret=1"})

    sent = [name for entry in provider.log() for name in entry["headers"]]
    assert "x-tenant-id" not in sent
    assert "baggage" not in sent
