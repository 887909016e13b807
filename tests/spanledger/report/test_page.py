"""The report as a page in a browser: on a screen, on a phone, on paper."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page
from tests.support import dashboard
from tests.support.browser import chromium, faults, width

from spanledger.report import Period, render
from spanledger.report.made import made

#: One browser at a time.
pytestmark = pytest.mark.xdist_group("dashboard")
_CUT = "[...document.querySelectorAll('.wide')].some((one) => one.scrollWidth > one.clientWidth)"


def test_no_column_is_cut_off_on_a_screen_or_on_paper_and_a_phone_scrolls_in_tables_alone(tmp_path: Path) -> None:
    parts = dashboard.made(tmp_path)
    with parts.engine.connect() as connection:
        week = Period.of(dashboard.NOW - 7 * 86_400, dashboard.NOW, dashboard.NOW)
        text = render.html(made(connection, "all", week))
    (tmp_path / "report.html").write_text(text)
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto((tmp_path / "report.html").as_uri())
        assert (_cut(page), faults(page)) == (False, [])
        page.set_viewport_size({"width": 375, "height": 740})
        assert (_cut(page), width(page)) == (True, 375)
        page.emulate_media(media="print")
        page.set_viewport_size({"width": 1000, "height": 740})  # A4 across, without its margins
        assert (_cut(page), width(page)) == (False, 1000)
    parts.engine.dispose()


def _cut(page: Page) -> bool:
    found: bool = page.evaluate(_CUT)
    return found
