"""The dashboard over weeks of calls, over none, and a browser to look at it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, BrowserContext
from tests.support import dashboard
from tests.support.browser import Watched, chromium
from tests.support.serving import asking

from spanledger.ledger import Entry, database
from spanledger.ledger.migrate import migrate
from spanledger.ledger.writes import write
from spanledger.usage import Usage

DAY = "2026-11-19"
#: What a name may hold.
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{7*7}}&amp;\u202e"
#: Every page there is, with something on it.
PAGES = {
    "overview": "/",
    "calls": "/calls?limit=12",
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
    made = dashboard.made(tmp_path_factory.mktemp("nothing"), calls=0)
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


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """For one module: while it is open its thread has a running event loop, which no other test may find."""
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


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[dashboard.Made]:
    """A ledger in which every name is an attack."""
    made = database.engine(f"sqlite://{tmp_path}/calls.sqlite", kept=2)
    migrate(made)
    at = int((dashboard.NOW - 60) * dashboard.NANO)
    names = ("operation", "provider", "stage", "request_model", "tenant", "user", "run", "service", "trace_id",
             "agent", "node", "finish_reason", "error_type", "prompt_name", "session", "environment")  # fmt: skip
    said: dict[str, Any] = dict.fromkeys(names, HOSTILE)
    call = Entry(id=HOSTILE, started=at, ended=at + 1, operation="x", provider="x", flags={HOSTILE: HOSTILE})
    used = Usage(1, 1)
    write(made, [call._replace(usage=used, cost=7, cost_source="local", price_status="priced", **said)])
    yield dashboard.Made(made, dashboard.store(HOSTILE))
    made.dispose()


class OwnSite(NamedTuple):
    """A service of one test alone."""

    address: str
    parts: dashboard.Made


@pytest.fixture
def own_site(tmp_path: Path) -> Iterator[OwnSite]:
    made = dashboard.made(tmp_path, calls=100)
    with dashboard.listening(dashboard.app(made)) as address:
        yield OwnSite(address, made)
    made.engine.dispose()
