"""Tables for terminals, in plain text."""

from __future__ import annotations

from collections.abc import Sequence


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, right: int = 0) -> str:
    """Columns as wide as their widest cell; the last `right` plus one of them, figures, are set to the right."""
    lines = [heads, *rows]
    widths = [max(len(line[at]) for line in lines) for at in range(len(heads))]
    figures = len(heads) - right - 1 if right else len(heads)
    return "\n".join(
        "  ".join(
            cell.rjust(width) if at >= figures else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
