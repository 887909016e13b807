"""What is wrong is told to people as a page, and to programs as a problem."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from tests.support import dashboard
from tests.support.browser import Watched, faults, width
from tests.support.serving import asking, problem, tokens

from spanledger.ledger import database

#: One browser and one ledger for all of them.
pytestmark = pytest.mark.xdist_group("dashboard")
#: What Chromium and curl say they accept.
BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"}
PROGRAM = {"accept": "*/*"}


@pytest.mark.parametrize(
    ("method", "path", "status", "said"),
    [
        ("GET", "/nowhere", 404, "There is no page at this address"),
        ("GET", "/calls/of/nobody", 404, "There is no page at this address"),
        ("GET", "/apiary", 404, "There is no page at this address"),
        ("POST", "/calls", 405, "cannot be asked for in this way"),
        ("GET", "/calls?limit=many", 422, "limit: Input should be a valid integer"),
        ("GET", "/call?id=nobody", 404, "No call that you may see has this id"),
    ],
)
def test_a_browser_is_told_on_a_page_with_the_way_back(
    client: TestClient, method: str, path: str, status: int, said: str
) -> None:
    answer = client.request(method, path, headers=BROWSER)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert (status == 405) == ("allow" in answer.headers)
    assert said in answer.text
    assert "openapi" not in answer.text
    for to in ("/calls", "/runs", "/budgets", "/tenants", "/cache"):
        assert f'href="{to}"' in answer.text


@pytest.mark.parametrize("path", ["/nowhere", "/api/nowhere", "/admin", "/v1/nowhere", "/metrics/x", "/static/x/y.css"])
def test_programs_and_their_addresses_keep_problems(client: TestClient, path: str) -> None:
    assert problem(client.get(path, headers=PROGRAM), 404)
    if path != "/nowhere":
        assert problem(client.get(path, headers=BROWSER), 404)


def test_a_page_that_fails_says_so_and_repeats_nothing_of_why(
    parts: dashboard.Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret")

    app = dashboard.app(parts)
    monkeypatch.setattr("spanledger.service.web.runs.ledger.page", broken)
    answer = asking(app).get("/runs", headers=BROWSER)
    assert answer.status_code == 500
    assert "its log says why" in answer.text
    assert "secret" not in answer.text
    assert 'href="/calls"' in answer.text


def test_an_unknown_address_tells_nobody_anything_before_the_sign_in(parts: dashboard.Made, tmp_path: Path) -> None:
    found, _ = tokens(tmp_path, ("boss", ("admin",), None))
    answer = asking(dashboard.app(parts, found), follow_redirects=False).get("/nowhere", headers=BROWSER)
    assert answer.status_code == 404
    assert "boss" not in answer.text
    assert "acme" not in answer.text


def test_pages_of_errors_are_sound_in_light_and_dark_and_on_a_phone(
    parts: dashboard.Made, site: str, tab: Watched
) -> None:
    def sound(address: str, said: str) -> None:
        tab.visit(address)
        assert said in tab.page.get_by_role("alert").inner_text()
        for scheme in ("light", "dark"):
            tab.page.emulate_media(color_scheme=scheme)
            assert faults(tab.page) == []

    tab.page.set_viewport_size({"width": 375, "height": 740})
    sound(f"{site}/{'x' * 300}", "There is no page at this address")
    assert width(tab.page) <= 375
    dead = database.engine("postgresql://app@127.0.0.1:1/ledger", kept=2)
    with dashboard.listening(dashboard.app(dashboard.Made(dead, parts.store))) as down:
        sound(f"{down}/calls", "SPANLEDGER_DATABASE_URL")
        assert width(tab.page) <= 375
