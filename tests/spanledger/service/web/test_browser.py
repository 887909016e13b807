"""Pages in a real browser: what people see, hear and press."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect
from tests.spanledger.service.web.conftest import HOSTILE, PAGES, OwnSite
from tests.spanledger.service.web.test_changing import HALTED, WHICH
from tests.support import dashboard
from tests.support.browser import Watched, faults, weight, width
from tests.support.serving import tokens

from spanledger.budget.redis import RedisStore
from spanledger.budget.store import Claim, Counter
from spanledger.ledger import CacheEvent, Entry, database
from spanledger.ledger.writes import write
from spanledger.service.web.looked import address
from spanledger.service.web.page import EVERY
from spanledger.usage import Usage

#: One browser and one ledger for all of them.
pytestmark = pytest.mark.xdist_group("dashboard")
#: Bytes of a page with everything that it loads.
HEAVIEST = 300_000


def refreshed(page: Page) -> None:
    """Wait for the next look, without waiting for the clock: a page looks when it comes to sight, too."""
    with page.expect_response(lambda answer: "x-spanledger-refresh" in answer.request.headers):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_function("() => document.getElementById('fresh').dataset.state !== undefined")


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_sound_in_light_and_dark_and_on_a_phone(site: str, tab: Watched, name: str) -> None:
    tab.visit(site + PAGES[name])
    page, heavy = tab.page, weight(tab.page)
    assert faults(page) == []
    page.emulate_media(color_scheme="dark")
    assert faults(page, "color-contrast", "link-in-text-block") == []
    page.set_viewport_size({"width": 375, "height": 740})
    assert width(page) <= 375
    assert page.evaluate("[...document.querySelectorAll('.scroll')].every((one) => one.scrollWidth <= one.clientWidth)")
    assert faults(page, "scrollable-region-focusable", "target-size") == []
    assert tab.complaints == []
    assert {urlsplit(url).netloc for url in tab.requests} == {urlsplit(site).netloc}
    assert 70_000 < heavy <= HEAVIEST


def test_every_page_is_sound_while_there_is_nothing_to_show(bare: str, tab: Watched) -> None:
    for path in ("/", "/calls", "/runs", "/budgets", "/tenants", "/cache"):
        tab.visit(bare + path)
        assert faults(tab.page) == [], path
        expect(tab.page.locator("main")).to_contain_text(
            "global/month" if path == "/budgets" else "Hit rate" if path == "/cache" else "Choose a longer window"
        )
    assert tab.complaints == []


def test_pages_say_what_to_do_while_the_ledger_is_down_and_come_back_by_themselves(
    parts: dashboard.Made, tab: Watched
) -> None:
    dead = database.engine("postgresql://app@127.0.0.1:1/ledger", kept=2)
    app = dashboard.app(dashboard.Made(dead, parts.store))
    with dashboard.listening(app) as site:
        for path in ("/", "/calls", "/runs", "/tenants", "/cache"):
            tab.visit(site + path)
            expect(tab.page.get_by_role("alert")).to_contain_text("SPANLEDGER_DATABASE_URL")
            assert faults(tab.page) == [], path
        app.state.service = dashboard.app(parts).state.service
        with tab.page.expect_navigation():
            tab.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        expect(tab.page.get_by_role("heading", name="Cache", level=1)).to_be_visible()
        tab.visit(f"{site}/runs")
        app.state.service = dashboard.app(dashboard.Made(dead, parts.store)).state.service
        shown = tab.page.locator("#live").inner_text()
        refreshed(tab.page)
        expect(tab.page.locator("#fresh-text")).to_contain_text("not reachable, trying again")
        expect(tab.page.locator("#announce")).to_have_text("The service cannot be reached. What is shown is not fresh.")
        assert tab.page.locator("#live").inner_text() == shown
        app.state.service = dashboard.app(parts).state.service
        refreshed(tab.page)
        expect(tab.page.locator("#announce")).to_have_text("The page is fresh again.")


def test_while_the_store_of_the_budgets_is_down_the_rest_is_shown(parts: dashboard.Made, tab: Watched) -> None:
    dead = dashboard.Made(parts.engine, RedisStore("redis://127.0.0.1:1/0"))
    with dashboard.listening(dashboard.app(dead)) as site:
        tab.visit(site)
        expect(tab.page.get_by_role("alert")).to_contain_text("SPANLEDGER_STORE")
        expect(tab.page.get_by_role("heading", name="Spend over time")).to_be_visible()
        assert faults(tab.page) == []
        tab.visit(f"{site}/budgets")
        expect(tab.page.get_by_role("alert")).to_contain_text("SPANLEDGER_STORE")
        assert faults(tab.page) == []


def test_somebody_signs_in_and_out(parts: dashboard.Made, tmp_path: Path, tab: Watched) -> None:
    found, made = tokens(tmp_path, ("boss", ("admin",), None))
    page = tab.page
    with dashboard.listening(dashboard.app(parts, found)) as site:
        tab.visit(f"{site}/runs")
        assert faults(page) == []
        page.get_by_label("Token").fill("nonsense")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_contain_text("not known here")
        assert faults(page) == []
        page.get_by_label("Token").fill(made["boss"])
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="Runs", level=1)).to_be_visible()
        assert not any(made["boss"] in url for url in tab.requests)
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_an_axis_of_money_has_the_same_places_everywhere(site: str, tab: Watched) -> None:
    tab.page.add_init_script(
        "window.said = []; const draw = CanvasRenderingContext2D.prototype.fillText;"
        "CanvasRenderingContext2D.prototype.fillText = function (...all) { said.push(all[0]); draw.apply(this, all); }"
    )
    for path, marks in ((PAGES["budget"], {"$0.00", "$0.50", "$1.00"}), ("/", {"$0.00", "$0.10", "$0.20", "$0.30"})):
        tab.visit(site + path)
        expect(tab.page.locator(".plot canvas")).to_be_visible()
        tab.page.wait_for_function("said.length > 3")
        assert {one for one in tab.page.evaluate("said") if one.startswith("$")} == marks


def test_charts_are_drawn_from_the_tables_beside_them(site: str, tab: Watched) -> None:
    for path in (PAGES["overview"], PAGES["budget"]):
        tab.visit(site + path)
        expect(tab.page.locator(".plot canvas")).to_be_visible()
        ink = tab.page.evaluate(
            "(() => { const c = document.querySelector('.plot canvas');"
            " return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((v) => v > 0); })()"
        )
        assert ink
        tab.page.get_by_text("The same as a table").click()
        expect(tab.page.locator("details[open] table")).to_be_visible()
    tab.page.get_by_role("button", name="Dark theme").click()
    expect(tab.page.locator(".plot canvas")).to_be_visible()
    assert tab.complaints == []


def test_a_page_is_walked_with_the_keyboard_alone(site: str, tab: Watched) -> None:
    page = tab.page
    tab.visit(site)
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to content")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Pause")
    page.keyboard.press("Enter")
    expect(page.locator("#fresh-text")).to_contain_text("paused")
    for _ in range(7):
        page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Filter")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_attribute("name", "stage")
    page.keyboard.type("planner")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Apply").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(
        "**/?time_window_minutes=1440&stage=planner" if "time_window" in page.url else "**/?stage=planner"
    )
    expect(page.get_by_role("link", name="stage: planner")).to_be_visible()


def test_a_refresh_keeps_focus_scroll_and_open_details_and_shows_what_is_new(own_site: OwnSite, tab: Watched) -> None:
    page, store = tab.page, own_site.parts.store
    page.set_viewport_size({"width": 1000, "height": 400})
    tab.visit(own_site.address)
    page.get_by_text("The same as a table").click()
    link = page.get_by_role("link", name="recommender")
    link.focus()
    page.evaluate("scrollTo(0, 300)")
    page.evaluate("window.kept = document.activeElement; window.canvas = document.querySelector('canvas')")
    counter = Counter("tenant/day", "acme", "2026-11-19", "USD")
    store.reserve("more", [Claim(counter, 200_000_000)], 60)
    store.settle("more", [Claim(counter, 200_000_000)], [200_000_000])
    before = page.locator("#live").inner_text()
    refreshed(page)
    page.wait_for_function("(was) => document.getElementById('live').innerText !== was", arg=before)
    assert page.evaluate("window.kept === document.activeElement && window.kept.isConnected")
    assert page.evaluate("window.canvas.isConnected")
    assert page.evaluate("scrollY") == 300
    assert page.locator("details.numbers").get_attribute("open") is not None
    assert tab.complaints == []


def test_a_page_looks_again_by_itself_but_not_while_somebody_types(site: str, tab: Watched) -> None:
    page = tab.page
    page.clock.install()
    tab.visit(site + address("/budget", **WHICH))
    with page.expect_response(lambda answer: "x-spanledger-refresh" in answer.request.headers):
        page.clock.run_for(EVERY * 1000 + 50)
    page.wait_for_function("() => document.getElementById('fresh').dataset.state === 'on'")
    page.get_by_label("Why").fill("the customer")
    asked = len(tab.requests)
    page.clock.run_for(EVERY * 1000 + 50)
    expect(page.locator("#fresh-text")).to_contain_text("waits while you type")
    assert len(tab.requests) == asked
    expect(page.get_by_label("Why")).to_have_value("the customer")


def test_an_admin_ends_a_halt_with_a_reason_in_the_browser(own_site: OwnSite, tab: Watched) -> None:
    page = tab.page
    tab.visit(f"{own_site.address}/budgets")
    page.get_by_role("group", name="Halted").get_by_role("link").first.click()
    page.get_by_role("button", name="Raise the limit").click()
    assert page.get_by_label("Why").evaluate("one => !one.validity.valid")
    page.get_by_label("Why").fill("paid for more")
    page.get_by_label("New limit").fill("0.8USD")
    page.get_by_role("button", name="Raise the limit").click()
    expect(page.get_by_role("status").filter(has_text="Done.")).to_be_visible()
    assert "done" not in page.url
    assert not own_site.parts.store.figure(HALTED).halted
    page.reload()
    expect(page.get_by_text("Done.")).to_have_count(0)


def test_hostile_names_stay_text_in_the_browser(hostile: dashboard.Made, tab: Watched) -> None:
    with dashboard.listening(dashboard.app(hostile)) as site:
        for path, asked in (("/", {}), ("/calls", {}), ("/call", {"id": HOSTILE}), ("/run", {"id": HOSTILE}),
                            ("/budgets", {}), ("/tenants", {"tenant": HOSTILE})):  # fmt: skip
            tab.visit(site + address(path, **asked))
            expect(tab.page.locator("main")).to_contain_text("<script>alert(1)</script>")
            refreshed(tab.page)
            assert tab.page.locator("main img").count() == 0
    assert tab.complaints == []
    assert len(set(tab.requests)) > 6


def test_names_of_any_length_stay_in_their_places(tmp_path: Path, tab: Watched) -> None:
    parts, name = dashboard.made(tmp_path, calls=0), "x" * 512
    at = int((dashboard.NOW - 60) * dashboard.NANO)
    call = Entry(name, at, at + 1, name, "openai", usage=Usage(1, 1), tenant=name, stage=name, request_model=name)
    write(parts.engine, [call, CacheEvent(name, at, name, hit=True)])
    with dashboard.listening(dashboard.app(parts)) as site:
        for path, asked in (("/", {}), ("/calls", {"tenant": name, "stage": name}), ("/tenants", {"tenant": name}),
                            ("/call", {"id": name}), ("/cache", {})):  # fmt: skip
            for across in (1280, 375):
                tab.page.set_viewport_size({"width": across, "height": 740})
                tab.visit(site + address(path, **asked))
                assert width(tab.page) <= across, path
                for chip in tab.page.locator(".chip").all():
                    assert chip.locator("[aria-hidden]").bounding_box()["x"] < across - 12  # type: ignore[index]
