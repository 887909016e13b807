"""Signing in, and forms that change something: who may, from where, and what becomes of it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from tests.spanledger.service.web.conftest import DAY, PAGES
from tests.support import dashboard
from tests.support.serving import asking, tokens

from spanledger.budget.store import Counter
from spanledger.ledger import database

#: One browser and one ledger for all of them.
pytestmark = pytest.mark.xdist_group("dashboard")
HALTED = Counter("run/run", dashboard.HALTED, dashboard.HALTED, "USD")
WHICH = {"name": "run/run", "scope_value": dashboard.HALTED, "window": dashboard.HALTED}


@pytest.fixture
def own(tmp_path: Path) -> Iterator[dashboard.Made]:
    """A service of this test alone: its budgets are changed."""
    made = dashboard.made(tmp_path, calls=100)
    yield made
    made.engine.dispose()


@pytest.fixture
def guarded(parts: dashboard.Made, tmp_path: Path) -> tuple[FastAPI, dict[str, str]]:
    """With tokens: of an admin, of a reader, and of one for a tenant alone."""
    wanted = (("boss", ("admin",), None), ("reader", ("read",), None), ("acme", ("read",), "acme"))
    found, made = tokens(tmp_path, *wanted)  # type: ignore[arg-type]
    return dashboard.app(parts, found), made


def form_token(page: str) -> str:
    found = re.search(r'name="form_token" value="([0-9a-f]{64})"', page)
    assert found
    return found[1]


def signed_in(app: FastAPI, token: str) -> TestClient:
    client = asking(app, follow_redirects=False)
    page = client.get("/sign-in")
    answer = client.post("/sign-in", data={"token": token, "form_token": form_token(page.text)})
    assert answer.status_code == 303
    return client


def send(client: TestClient, action: str, **fields: str) -> tuple[int, str]:
    page = client.get("/budget", params=WHICH).text
    answer = client.post("/budget", data={**WHICH, "action": action, "form_token": form_token(page), **fields})
    return answer.status_code, answer.headers.get("location", "") or html.unescape(answer.text)


def test_nobody_sees_a_page_before_signing_in_and_everybody_comes_back_to_it(
    guarded: tuple[FastAPI, dict[str, str]],
) -> None:
    app, made = guarded
    client = asking(app, follow_redirects=False)
    for path in PAGES.values():
        answer = client.get(path)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/sign-in")
        assert "acme" not in answer.text
    page = client.get(client.get("/runs?tenant=acme").headers["location"])
    back = html.unescape(re.findall(r'name="to" value="([^"]*)"', page.text)[0])
    said = {"token": f" {made['reader']} ", "to": back, "form_token": form_token(page.text)}
    answer = client.post("/sign-in", data=said)
    assert answer.headers["location"] == "/runs?tenant=acme"
    [cookie] = [one for one in answer.headers.get_list("set-cookie") if made["reader"] in one]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert client.get("/runs").status_code == 200


def test_a_refresh_of_somebody_who_is_signed_out_says_so(guarded: tuple[FastAPI, dict[str, str]]) -> None:
    answer = asking(guarded[0], follow_redirects=False).get("/", headers={"x-spanledger-refresh": "1"})
    assert answer.status_code == 401


def test_a_wrong_token_is_told_and_leads_nowhere(guarded: tuple[FastAPI, dict[str, str]]) -> None:
    client = asking(guarded[0], follow_redirects=False)
    page = client.get("/sign-in").text
    answer = client.post("/sign-in", data={"token": "sl_wrong", "form_token": form_token(page)})
    assert answer.status_code == 401
    assert "not known here" in answer.text
    assert "sl_wrong" not in answer.text
    assert client.get("/").status_code == 303


@pytest.mark.parametrize("to", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x", "/\n/e"])
def test_signing_in_never_leads_to_another_site(guarded: tuple[FastAPI, dict[str, str]], to: str) -> None:
    app, made = guarded
    client = asking(app, follow_redirects=False)
    page = client.get("/sign-in", params={"to": to}).text
    answer = client.post("/sign-in", data={"token": made["reader"], "to": to, "form_token": form_token(page)})
    assert answer.headers["location"] == "/"


def test_signing_out_forgets_the_token(guarded: tuple[FastAPI, dict[str, str]]) -> None:
    app, made = guarded
    client = signed_in(app, made["reader"])
    answer = client.post("/sign-out", data={"form_token": form_token(client.get("/").text)})
    assert answer.headers["location"] == "/sign-in"
    assert client.get("/").status_code == 303


def test_a_tenants_token_sees_its_tenant_alone_on_every_page(guarded: tuple[FastAPI, dict[str, str]]) -> None:
    app, made = guarded
    everyone, acme = signed_in(app, made["reader"]), signed_in(app, made["acme"])
    others = ("globex", "initech")
    for path in PAGES.values():
        shown = acme.get(path)
        assert not any(other in shown.text for other in others), path
        assert shown.status_code == (404 if "run%2Frun" in path or path == PAGES["halted"] else 200), path
    assert any("globex" in everyone.get(path).text for path in PAGES.values())
    foreign = everyone.get("/api/calls", params={"tenant": "globex", "time_window_minutes": 10080}).json()["calls"][0]
    assert acme.get("/call", params={"id": foreign["id"]}).status_code == 404
    assert acme.get("/run", params={"id": foreign["run_id"]}).status_code == 404
    assert acme.get("/calls?tenant=globex").status_code == 403
    assert acme.get(f"/budget?name=tenant/day&scope_value=globex&window={DAY}").status_code == 404
    assert "globex" not in acme.get("/tenants.csv?time_window_minutes=10080").text


def test_a_reader_sees_no_form_and_can_send_none(guarded: tuple[FastAPI, dict[str, str]]) -> None:
    app, made = guarded
    client = signed_in(app, made["reader"])
    page = client.get("/budget", params=WHICH).text
    assert "Only a token with the scope admin" in page
    token = form_token(page)  # of the form to sign out
    answer = client.post("/budget", data={**WHICH, "action": "resume", "reason": "for fun", "form_token": token})
    assert answer.status_code == 403
    assert "lacks the scope" in html.unescape(answer.text)


def test_an_admin_raises_resets_and_resumes_and_each_is_audited(own: dashboard.Made) -> None:
    client = asking(dashboard.app(own), follow_redirects=False)
    store = own.store
    assert store.figure(HALTED).halted
    status, location = send(client, "raise", to="0.75USD", reason="the customer paid for more")
    assert (status, "done=raise" in location) == (303, True)
    assert (store.figure(HALTED).limit, store.figure(HALTED).halted) == (750_000_000, False)
    page = client.get(location).text
    assert "The new limit holds from the next call on." in page
    assert "the customer paid for more" in page
    assert "service:local" in page
    assert send(client, "reset", reason="a mistake")[0] == 303
    assert store.figure(HALTED).limit is None
    assert [one.action for one in store.audit()][-2:] == ["raise", "reset"]


def test_a_halt_that_was_resumed_is_told_as_that(own: dashboard.Made) -> None:
    client = asking(dashboard.app(own), follow_redirects=False)
    assert send(client, "resume", reason="try again")[0] == 303
    page = client.get("/budget", params=WHICH).text
    assert '<td>resume</td><td class="n">-</td><td>try again</td>' in page
    status, page = send(client, "resume", reason="and again")
    assert (status, "It is not halted" in page) == (422, True)
    assert [one.action for one in own.store.audit()][-1:] == ["reset"]


@pytest.mark.parametrize(
    ("to", "wrong"),
    [("", "New limit: give the amount"), ("0.25", "New limit: it is $0.50 already"), ("0.5USD", "it is $0.50 already")],
)
def test_raising_lowers_nothing(own: dashboard.Made, to: str, wrong: str) -> None:
    client = asking(dashboard.app(own), follow_redirects=False)
    status, page = send(client, "raise", to=to, reason="a slip")
    assert (status, wrong in page) == (422, True)
    assert own.store.figure(HALTED).halted
    assert send(client, "raise", to="$0.75", reason="as people write it")[0] == 303
    assert own.store.figure(HALTED).limit == 750_000_000


def test_a_form_that_cannot_be_done_says_why_and_keeps_what_was_typed(own: dashboard.Made) -> None:
    client = asking(dashboard.app(own), follow_redirects=False)
    status, page = send(client, "raise", to="many", reason='because of "this" <b>')
    assert status == 422
    assert "Nothing was changed." in page
    assert 'value="many"' in page
    assert "New limit: 'many' is no amount" in page
    assert send(client, "resume", reason=" ")[0] == 422
    assert own.store.figure(HALTED).halted


def test_no_other_site_can_make_a_browser_send_a_form(own: dashboard.Made) -> None:
    client = asking(dashboard.app(own), follow_redirects=False)
    page = client.get("/budget", params=WHICH).text
    said = {**WHICH, "action": "resume", "reason": "for fun"}
    good = {**said, "form_token": form_token(page)}
    for headers in (
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://evil.example"},
    ):
        assert client.post("/budget", data=good, headers=headers).status_code == 403
    assert client.post("/budget", data=said).status_code == 403
    assert client.post("/budget", data={**said, "form_token": "0" * 64}).status_code == 403
    stranger = asking(dashboard.app(own), follow_redirects=False)
    assert stranger.post("/budget", data=good).status_code == 403
    assert stranger.post("/sign-in", data={"token": "x"}).status_code == 403
    assert own.store.figure(HALTED).halted
    assert client.post("/budget", data=good, headers={"sec-fetch-site": "same-origin"}).status_code == 303
    assert not own.store.figure(HALTED).halted


def test_while_the_ledger_is_down_pages_say_so_and_budgets_can_still_be_changed(own: dashboard.Made) -> None:
    dead = dashboard.Made(database.engine("postgresql://app@127.0.0.1:1/ledger", kept=2), own.store)
    client = asking(dashboard.app(dead), follow_redirects=False)
    for path in ("/", "/calls", "/runs", "/tenants", "/cache"):
        answer = client.get(path)
        assert answer.status_code == 503
        assert "SPANLEDGER_DATABASE_URL" in answer.text
        assert "tries again by itself" in answer.text
        assert answer.headers["retry-after"] == "5"
    assert client.get("/budgets").status_code == 200
    assert "SPANLEDGER_DATABASE_URL" in client.get("/budget", params=WHICH).text
    assert send(client, "resume", reason="go on")[0] == 303


def test_changes_of_a_budget_are_read_page_by_page(own: dashboard.Made) -> None:
    for number in range(60):
        own.store.raise_limit(HALTED, dashboard.NANO + number, reason=f"reason-{number:02d}", who="boss")
    client = asking(dashboard.app(own))
    page = client.get("/budget", params=WHICH).text
    assert re.findall(r"reason-\d\d", page) == [f"reason-{number:02d}" for number in range(59, 9, -1)]
    [further] = re.findall(r'rel="next" href="([^"]+)"', page)
    page = client.get(html.unescape(further)).text
    assert re.findall(r"reason-\d\d", page) == [f"reason-{number:02d}" for number in range(9, -1, -1)]
    assert "exhausted" in page
    assert 'rel="next"' not in page
    assert ">Latest<" in page


def test_a_budget_of_more_charges_than_a_page_reads_is_shown_without_its_curve(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spanledger.service.web.burning.MOST", 3)
    for which in (
        "name=user/total&scope_value=ann&window=total",
        f"name=run/run&scope_value={dashboard.RUN}&window={dashboard.RUN}",
    ):
        page = client.get(f"/budget?{which}")
        assert page.status_code == 200
        assert "too much to draw" in page.text
        assert "data-chart" not in page.text
