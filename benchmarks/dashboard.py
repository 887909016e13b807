"""How heavy the dashboard's pages are and how soon they are painted, on loopback, in the distribution's Chromium.

    PYTHONPATH=.:deploy/native python benchmarks/dashboard.py [--rounds 7]

The ledger is that of the pictures. Each round opens every page in a browser that has nothing in its cache.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser
from tests.support import dashboard
from tests.support.browser import Watched, chromium, weight

PAGES = {
    "overview": "/",
    "overview, 30 days": "/?time_window_minutes=43200",
    "calls": "/calls",
    "call": f"/call?id={dashboard.RUN}-4",
    "runs": "/runs",
    "run": f"/run?id={dashboard.RUN}",
    "budgets": "/budgets",
    "budget": "/budget?name=global/month&scope_value=&window=2026-11",
    "tenants": "/tenants",
    "cache": "/cache",
}
_TIMES = """() => new Promise((tell) => new PerformanceObserver((list) => {
    const [paint] = list.getEntriesByName('first-contentful-paint');
    if (paint) tell({paint: paint.startTime, server: performance.getEntriesByType('navigation')[0].responseEnd});
}).observe({type: 'paint', buffered: true}))"""


def opened(browser: Browser, address: str) -> tuple[int, dict[str, Any]]:
    """Bytes of a page with all that it loads, and its times in milliseconds."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    tab = Watched(context.new_page())
    tab.visit(address)
    times: dict[str, Any] = tab.page.evaluate(_TIMES)
    heavy = weight(tab.page)
    context.close()
    return heavy, times


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    found: dict[str, list[tuple[int, dict[str, Any]]]] = {name: [] for name in PAGES}
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        parts = dashboard.made(Path(folder))
        with dashboard.listening(dashboard.app(parts)) as site:
            for _ in range(rounds):
                for name, path in PAGES.items():
                    found[name].append(opened(browser, site + path))
        parts.engine.dispose()
    print(f"{'page':20}{'kB':>8}{'answered ms':>14}{'first paint ms':>16}{'worst':>8}")
    for name, one in found.items():
        paints = [times["paint"] for _, times in one]
        answered = statistics.median(times["server"] for _, times in one)
        heavy = max(bytes_ for bytes_, _ in one) / 1000
        print(f"{name:20}{heavy:8.1f}{answered:14.0f}{statistics.median(paints):16.0f}{max(paints):8.0f}")


if __name__ == "__main__":
    main()
