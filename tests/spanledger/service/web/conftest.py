"""The dashboard over weeks of calls, over none, and a browser to look at it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, BrowserContext
from tests.support import dashboard
from tests.support.browser import Watched, chromium
from tests.support.serving import asking

DAY = "2026-11-19"
#: Every page there is, with something on it.
PAGES = {
    "overview": "/",
    "calls": "/calls?time_window_minutes=10080",
    "call": f"/call?id={dashboard.RUN}-4",
    "runs": "/runs",
    "run": f"/run?id={dashboard.RUN}",
    "budgets": "/budgets",
    "budget": f"/budget?name=tenant/day&scope_value=acme&window={DAY}",
    "halted": f"/budget?name=run/run&scope_value={dashboard.HALTED}&window={dashboard.HALTED}",
    "tenants": "/tenants",
    "tenant": "/tenants?tenant=acme",
    "cache": "/cache",
}


@pytest.fixture(scope="package")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dashboard.Made]:
    made = dashboard.made(tmp_path_factory.mktemp("weeks"))
    yield made
    made.engine.dispose()


@pytest.fixture(scope="package")
def nothing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dashboard.Made]:
    made = dashboard.made(tmp_path_factory.mktemp("nothing"), empty=True)
    yield made
    made.engine.dispose()


@pytest.fixture
def client(parts: dashboard.Made) -> TestClient:
    """A browser without scripts, on this host, where no tokens are set."""
    return asking(dashboard.app(parts), follow_redirects=False)


@pytest.fixture(scope="package")
def site(parts: dashboard.Made) -> Iterator[str]:
    with dashboard.listening(dashboard.app(parts)) as address:
        yield address


@pytest.fixture(scope="package")
def bare(nothing: dashboard.Made) -> Iterator[str]:
    with dashboard.listening(dashboard.app(nothing)) as address:
        yield address


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    yield made
    made.close()


@pytest.fixture
def tab(context: BrowserContext) -> Watched:
    return Watched(context.new_page())
