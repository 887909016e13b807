"""A database or a store that is down is a problem of a request, not of the service."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from tests.support.redis_server import RedisServer
from tests.support.serving import BUDGETS, NOW, asking, problem, serving
from tests.support.waiting import until

from spanledger.budget.redis import RedisStore
from spanledger.config import Settings
from spanledger.ledger import database
from spanledger.service.app import create
from spanledger.service.books import Books
from spanledger.service.watch import Seen, Watch, collector

NOBODY = "postgresql://app@127.0.0.1:1/ledger"


def test_while_the_database_is_down_questions_are_problems_and_health_says_why() -> None:
    client = asking(serving(database.engine(NOBODY, kept=2)))
    for path in ("/api/metrics/dashboard", "/api/calls", "/api/runs/x", "/api/export", "/api/tenants", "/readyz"):
        answer = client.get(path)
        assert "SPANLEDGER_DATABASE_URL" in problem(answer, 503)
        assert answer.headers["retry-after"] == "5"
    health = client.get("/api/metrics/health").json()["health"]
    assert (health["status"], health["components"]["ledger"]) == ("down", "down")
    assert health["error_rate_percent"] is None
    assert client.get("/healthz").status_code == 200
    assert client.get("/api/budgets").status_code == 200


def test_while_the_store_is_down_budgets_are_a_problem_and_the_metrics_go_on(
    small: Engine, tmp_path: Path, failures: Any
) -> None:
    server = RedisServer(tmp_path)
    server.start()
    url = server.url
    server.stop()
    books = Books(RedisStore(url), BUDGETS)
    client = asking(create(Settings(), small, books, clock=lambda: NOW))
    assert "SPANLEDGER_STORE" in problem(client.get("/api/budgets"), 503)
    assert "SPANLEDGER_STORE" in problem(client.get("/readyz"), 503)
    assert client.get("/metrics").status_code == 200
    answer = client.get("/api/metrics/dashboard", params={"time_window_minutes": 5760}).json()
    assert answer["performance"]["all_operations"]["count"] > 0
    assert answer["health"]["components"]["store"] == "down"
    assert failures["store", "StoreError"] >= 1


def test_how_a_redis_is_is_told_by_the_store(small: Engine, tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    server.start()
    try:
        client = asking(create(Settings(store=server.url), small, Books(RedisStore(server.url), BUDGETS)))
        assert client.get("/api/metrics/health").json()["health"]["components"]["redis"] == "ok"
    finally:
        server.stop()


def test_a_collector_is_asked_how_it_is(small: Engine) -> None:
    assert collector(None).state == "not configured"
    assert collector("http://127.0.0.1:1").state == "down"
    health = asking(serving(small, collector_url="http://127.0.0.1:1")).get("/api/metrics/health").json()["health"]
    assert (health["status"], health["components"]["collector"]) == ("down", "down")
    assert "SPANLEDGER_COLLECTOR_URL" in health["details"]["collector"]


def test_a_part_that_hangs_holds_nobody_up_and_is_asked_once_at_a_time() -> None:
    asked, go_on = [], threading.Event()

    def hanging() -> Seen:
        asked.append(1)
        go_on.wait(20)
        return Seen("ok")

    watch = Watch({"store": hanging, "other": lambda: Seen("ok")})
    assert watch.seen() == {"store": Seen("degraded", "It has not answered yet."), "other": Seen("ok")}
    assert watch.seen()["other"] == Seen("ok")
    assert asked == [1]
    go_on.set()


def test_a_part_that_nobody_asked_about_for_long_is_looked_at_before_it_is_said_how_it_is() -> None:
    now, pause = [0.0], threading.Event()

    def slow() -> Seen:
        pause.wait(0.05)
        return Seen("ok")

    watch = Watch({"store": slow}, clock=lambda: now[0])
    assert watch.seen()["store"] == Seen("ok")
    now[0] = 60.0
    assert watch.seen()["store"] == Seen("ok")


def test_a_part_that_answers_again_is_looked_at_again() -> None:
    now, states = [0.0], iter([Seen("down", "broken"), Seen("ok")])
    watch = Watch({"store": lambda: next(states)}, clock=lambda: now[0])
    assert watch.seen()["store"].state == "down"
    now[0] = 3.0
    assert watch.seen()["store"].state == "down"
    now[0] = 6.0
    assert until(lambda: watch.seen()["store"] == Seen("ok"))
