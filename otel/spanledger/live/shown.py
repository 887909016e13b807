"""What is put on a terminal, as values: whoever prints them decides on colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

#: What a line is about: `good` went well, `warn` comes near its end, `bad` is over or has failed.
Tone = Literal["plain", "good", "warn", "bad", "quiet"]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text."""

    text: str
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows below heads; the last `figures` columns are figures."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    figures: int = 0


Shown = Line | Table


class Surface(Protocol):
    """Where it is put. Never raises."""

    def put(self, *shown: Shown) -> None:
        """Below what is there already."""
