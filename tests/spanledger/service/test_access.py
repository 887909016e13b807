"""Who gets in: tokens and scopes, only this host without them, no other site's pages, and nobody too often."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from tests.support.behind_uvicorn import served
from tests.support.redis_server import RedisServer
from tests.support.serving import HERE, NOW, asking, problem, serving, tokens

from spanledger.errors import ConfigError
from spanledger.service.gate import LARGEST
from spanledger.service.rate import Rate
from spanledger.service.tokens import Tokens, digest_of, read

COSTS = "/api/metrics/costs"
RAISE = {"name": "run/run", "scope_value": "run-1", "to": "8", "reason": "they paid"}


@pytest.fixture
def known(tmp_path: Path) -> tuple[Tokens, dict[str, str]]:
    return tokens(
        tmp_path,
        ("reader", ("read",), None),
        ("collector", ("write",), None),
        ("boss", ("admin",), None),
        ("acme", ("read", "admin"), "acme"),
    )


@pytest.fixture
def app(small: Engine, known: tuple[Tokens, dict[str, str]]) -> Any:
    return serving(small, tokens=known[0])


def test_whoever_has_no_token_is_told_how_to_get_one(app: Any) -> None:
    for headers in (
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic eA=="},
        {"Cookie": "spanledger_token=x"},
    ):
        answer = asking(app).get(COSTS, headers=headers)
        assert "spanledger serve token" in problem(answer, 401)
        assert answer.headers["www-authenticate"] == "Bearer"
    assert asking(app).get("/healthz").status_code == 200
    assert asking(app).get("/readyz").status_code == 200


def test_a_token_opens_what_its_scopes_say(app: Any, known: tuple[Tokens, dict[str, str]]) -> None:
    def status(name: str, path: str) -> int:
        return asking(app, known[1][name]).get(path).status_code

    assert [status(name, COSTS) for name in ("reader", "collector", "boss")] == [200, 403, 200]
    assert [status(name, "/admin/llm-metrics") for name in ("reader", "collector", "boss")] == [403, 403, 200]
    assert "admin" in problem(asking(app, known[1]["reader"]).post("/api/budgets/raise", json=RAISE), 403)
    assert asking(app, cookies={"spanledger_token": known[1]["reader"]}).get(COSTS).status_code == 200


def test_a_token_of_a_tenant_asks_for_no_other_and_for_no_sum_of_all(
    app: Any, known: tuple[Tokens, dict[str, str]]
) -> None:
    client = asking(app, known[1]["acme"])
    assert "one tenant" in problem(client.get(COSTS, params={"tenant": "globex"}), 403)
    assert client.get(COSTS, params={"tenant": "acme"}).status_code == 200
    assert "one tenant" in problem(client.get("/metrics"), 403)
    assert "/api/budgets" in problem(client.post("/api/budgets/raise", json=RAISE), 404)


def test_the_file_is_read_again_when_it_changes_and_a_broken_one_changes_nothing(
    small: Engine, tmp_path: Path, failures: Any
) -> None:
    found, made = tokens(tmp_path, ("reader", ("read",), None))
    client, file = asking(serving(small, tokens=found), made["reader"]), tmp_path / "tokens.yaml"
    good = file.read_text()
    file.write_text("tokens: [")
    assert client.get(COSTS).status_code == 200
    assert failures["service", "ConfigError"] == 1
    file.write_text(f"{good}\n  expires: 2026-01-01")
    problem(client.get(COSTS), 401)
    file.write_text(f"{good}\n  expires: 2126-01-01")
    assert client.get(COSTS).status_code == 200
    file.unlink()
    assert client.get(COSTS).status_code == 200


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("tokens: [{name: x, sha256: abc, scopes: [read]}]", "tokens.0.sha256"),
        ("tokens: [{name: x, sha256: %s, scopes: [all]}]", "tokens.0.scopes"),
        ("tokens: [{name: x, sha256: %s, scopes: []}]", "tokens.0.scopes"),
        ("tokens: [{name: x, sha256: %s, scopes: [read], tenant: ''}]", "tokens.0.tenant"),
        ("tokens: [{name: x, token: secret, sha256: %s, scopes: [read]}]", "tokens.0.token"),
        ("tokens: [{name: x, sha256: %s, scopes: [read]}, {name: x, sha256: %s, scopes: [read]}]", "two tokens"),
        ("[]", "file"),
        ("{", "cannot be read"),
    ],
)
def test_a_file_that_is_none_of_tokens_is_refused_with_the_place(tmp_path: Path, text: str, hint: str) -> None:
    file = tmp_path / "tokens.yaml"
    file.write_text(text.replace("%s", digest_of("x")))
    with pytest.raises(ConfigError, match="SPANLEDGER_SERVICE_TOKENS") as error:
        read(file)
    assert hint in str(error.value)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8320", 200),
        ("localhost", 200),
        ("LOCALHOST:1", 200),
        ("[::1]:8320", 200),
        ("evil.example", 400),
        ("127.0.0.1.evil.example:8320", 400),
        ("localhost.evil.example", 400),
        ("", 400),
    ],
)
def test_without_tokens_only_names_of_this_host_are_answered(client: TestClient, host: str, status: int) -> None:
    answer = client.get("/healthz", headers={"Host": host})
    assert answer.status_code == status
    if status == 400:
        assert "SPANLEDGER_SERVICE_TOKENS" in problem(answer, 400)


def test_with_tokens_any_name_is_answered(app: Any) -> None:
    assert asking(app).get("/healthz", headers={"Host": "costs.example.com"}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({}, True),
        ({"Origin": HERE}, True),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site", "Origin": HERE}, False),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "http://127.0.0.1:9999"}, False),
        ({"Origin": "null"}, False),
    ],
)
def test_another_site_cannot_let_a_browser_change_anything(
    client: TestClient, headers: dict[str, str], allowed: bool
) -> None:
    answer = client.post("/api/budgets/raise", json=RAISE, headers=headers)
    if allowed:
        assert answer.status_code == 200, answer.text
    else:
        assert "Another site" in problem(answer, 403)
        assert client.get("/api/budgets/changes").json()[0]["action"] == "halt"


def test_a_cookie_is_no_token_for_another_site(app: Any, known: tuple[Tokens, dict[str, str]]) -> None:
    cookies, other = {"spanledger_token": known[1]["boss"]}, {"Sec-Fetch-Site": "cross-site"}
    problem(asking(app, cookies=cookies).post("/api/budgets/raise", json=RAISE, headers=other), 403)
    assert asking(app, known[1]["boss"]).post("/api/budgets/raise", json=RAISE, headers=other).status_code == 200


def test_a_form_of_another_site_is_no_json(client: TestClient) -> None:
    body = '{"name": "run/run", "scope_value": "run-1", "to": "8", "reason": "they paid"}'
    problem(client.post("/api/budgets/raise", content=body, headers={"Content-Type": "text/plain"}), 422)


def test_other_pages_may_read_only_if_they_are_named(small: Engine) -> None:
    asked = {"Origin": "https://grafana.example.com"}
    assert "access-control-allow-origin" not in asking(serving(small)).get(COSTS, headers=asked).headers
    named = asking(serving(small, service_cors=("https://grafana.example.com",)))
    assert named.get(COSTS, headers=asked).headers["access-control-allow-origin"] == asked["Origin"]
    others = named.get(COSTS, headers={"Origin": "https://evil.example"}).headers
    assert "access-control-allow-origin" not in others


def test_whoever_asks_too_often_is_told_when_to_come_again(small: Engine, known: tuple[Tokens, dict[str, str]]) -> None:
    app = serving(small, tokens=known[0], service_rate="2/hour")
    reader = asking(app, known[1]["reader"])
    assert [reader.get(COSTS).status_code for _ in range(2)] == [200, 200]
    answer = reader.get(COSTS)
    assert "SPANLEDGER_SERVICE_RATE" in problem(answer, 429)
    assert 1 <= int(answer.headers["retry-after"]) <= 3600
    assert asking(app, known[1]["boss"]).get(COSTS).status_code == 200
    assert [asking(app, "wrong").get(COSTS).status_code for _ in range(3)] == [401, 401, 429]
    assert reader.get("/healthz").status_code == 200


def test_services_of_one_redis_count_together_and_apart_when_it_is_gone(tmp_path: Path, failures: Any) -> None:
    server = RedisServer(tmp_path)
    server.start()
    try:
        one, other = (Rate.of("1/hour", f"{server.url}?prefix=mine") for _ in range(2))
        assert one.wait("token x") == 0
        assert other.wait("token x") > 0
    finally:
        server.stop()
    assert other.wait("token x") == 0
    assert other.wait("token x") > 0
    assert sum(failures.values()) == 1


def test_a_large_body_is_refused_before_it_is_read(client: TestClient) -> None:
    def parts() -> Any:
        for _ in range(LARGEST // 1000 + 2):
            yield b" " * 1000

    json = {"Content-Type": "application/json"}
    assert "bytes" in problem(client.post("/api/budgets/raise", content=b" " * (LARGEST + 1), headers=json), 413)
    assert "bytes" in problem(client.post("/api/budgets/raise", content=parts(), headers=json), 413)


def test_answers_are_kept_by_no_cache_and_guessed_by_no_browser(client: TestClient) -> None:
    headers = client.get(COSTS).headers
    assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff")


def test_an_unknown_address_is_a_problem_too(client: TestClient) -> None:
    assert "/openapi.json" in problem(client.get("/api/nothing"), 404)
    assert "Allow" in problem(client.delete(COSTS), 405)


@pytest.mark.parametrize(
    ("path", "status"),
    [("/healthz", 200), ("/readyz", 200), (COSTS, 200), ("/", 200), ("/api/no", 404), ("/v1/traces", 405)],
)
def test_what_can_be_got_can_be_asked_for_its_head(small: Engine, path: str, status: int) -> None:
    app = serving(small)
    with served(app, log_level="critical") as place, httpx2.Client(base_url=f"http://{place}") as there:
        got, head = there.get(path), there.head(path)
        told = there.get("/metrics").text
    assert head.status_code == got.status_code == status
    assert head.headers["content-type"] == got.headers["content-type"]
    assert head.content == b""
    if status == 200:
        assert f'{{method="HEAD",route="{path}",status="200"}} 1.0' in told


def test_a_failure_of_ours_is_a_problem_and_the_service_goes_on(small: Engine) -> None:
    app = serving(small)

    def broken() -> float:
        raise ZeroDivisionError

    service = app.state.service
    app.state.service = replace(service, clock=broken)
    assert "log" in problem(asking(app).get(COSTS), 500)
    app.state.service = service
    assert asking(app).get(COSTS).status_code == 200
    assert service.clock() == NOW
