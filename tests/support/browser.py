"""Chromium of the distribution, installed if need be, and what a page must hold to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright
from spanstack import packages

_AXE = (Path(__file__).with_name("axe") / "axe.min.js").read_text()


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window."""
    [program] = packages.ensure(packages.CHROMIUM)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(program), args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


class Watched:
    """A page, everything that it asked for, and everything that it complained about."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda one: self.complaints.append(one.text) if one.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def visit(self, address: str) -> None:
        """Go there, and wait until charts are drawn."""
        self.page.goto(address)
        self.page.wait_for_load_state("load")


def faults(page: Page, *rules: str) -> list[str]:
    """What axe finds that is serious or critical, each with the places; by some of its rules or by all."""
    page.evaluate(_AXE)
    options = {"resultTypes": ["violations"], **({"runOnly": list(rules)} if rules else {})}
    found: dict[str, Any] = page.evaluate("(options) => axe.run(document, options)", options)
    return [
        f"{one['id']}: {[node['html'][:160] for node in one['nodes']][:3]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]


def weight(page: Page) -> int:
    """How many bytes a page is with all that it loaded, before anybody compresses it."""
    found: int = page.evaluate(
        "['navigation', 'resource'].flatMap((kind) => performance.getEntriesByType(kind))"
        ".reduce((sum, one) => sum + one.decodedBodySize, 0)"
    )
    return found


def width(page: Page) -> int:
    """How wide a page is."""
    found: int = page.evaluate("document.documentElement.scrollWidth")
    return found
