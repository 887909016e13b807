"""Makes the pictures of the dashboard in docs/images: the same weeks of calls each time, in Chromium.

`make pictures`
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.support import dashboard
from tests.support.browser import chromium

IMAGES = Path(__file__).parents[1] / "docs" / "images"
MONTH = "/budget?name=global/month&scope_value=&window=2026-11"
#: By file: the page, the colours, and how high.
PICTURES = {
    "overview": ("/", "light", 1000),
    "run": (f"/run?id={dashboard.RUN}", "dark", 800),
    "budgets": ("/budgets", "light", 760),
    "budget": (MONTH, "dark", 720),
}


def main() -> None:
    """Write them."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        parts = dashboard.made(Path(folder))
        with dashboard.listening(dashboard.app(parts)) as site:
            for name, (path, scheme, height) in PICTURES.items():
                size = {"width": 1280, "height": height}
                page = browser.new_page(viewport=size, color_scheme=scheme)  # type: ignore[arg-type]
                page.goto(site + path)
                page.wait_for_load_state("load")
                page.screenshot(path=IMAGES / f"{name}.png")
                page.close()
        parts.engine.dispose()


if __name__ == "__main__":
    main()
