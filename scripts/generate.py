"""Writes every file that is derived.

Names and attributes come from the registry, settings from their table, prices from the locked release of genai-prices,
the API's page and examples from asking the service.

`python scripts/generate.py [--check]`; with `--check` it only says what is stale, and ends with 1 if anything is.
"""

from __future__ import annotations

import sys
from pathlib import Path

import api_page

from spanledger.config import table_markdown
from spanledger.pricing import reading, snapshot
from spanledger.semconv import generate

DOCS = Path(__file__).parents[1] / "docs"


def outputs() -> dict[Path, str]:
    """What each derived file must hold."""
    prices = snapshot.text(reading.shops(), snapshot.release())
    answers = api_page.answers()
    return {
        **generate.outputs(),
        DOCS / "settings.md": table_markdown(),
        snapshot.FILE: prices,
        api_page.EXAMPLES: api_page.as_json(answers),
        DOCS / "api.md": api_page.page(answers),
    }


def main() -> int:
    """Write or check."""
    stale = {p: text for p, text in outputs().items() if not p.exists() or p.read_text() != text}
    if "--check" in sys.argv[1:]:
        for path in stale:
            sys.stderr.write(f"{path.name} is stale: run `make generate`\n")
        return 1 if stale else 0
    for path, text in stale.items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
