"""What a report is made of: tables of plain values, each column with what its values mean."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from spanledger.ledger.questions.filters import Window

#: `usd` is nano-USD, `share` and `change` are fractions (0.25 is 25 %), `ms` is nanoseconds, `day` seconds since the
#: epoch.
Meaning = Literal["text", "count", "usd", "share", "change", "ms", "number", "day"]
#: One value of a table; None where nobody knows or it has no meaning.
Cell = str | int | float | None


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name for machines, its title for people, and what its values mean."""

    name: str
    title: str
    meaning: Meaning = "text"


@dataclass(frozen=True, slots=True)
class Table:
    """A table. One without a `key` has a single row of figures; in others the first column says what a row is of.

    `chart` names the column that is drawn beside it. `note` is a sentence that the figures need.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    key: bool = True
    chart: str | None = None
    note: str = ""

    def records(self) -> list[dict[str, Cell]]:
        """The rows by the names of their columns."""
        names = [column.name for column in self.columns]
        return [dict(zip(names, row, strict=True)) for row in self.rows]


@dataclass(frozen=True, slots=True)
class Period:
    """The span of time of a report, and when it was made (seconds since the epoch)."""

    window: Window
    now: float

    @classmethod
    def of(cls, since: float, until: float, now: float) -> Period:
        """From one moment to another, in whole minutes."""
        return cls(Window.of(since, until), now)

    @property
    def before(self) -> Window:
        """The span of the same length before it."""
        return Window(2 * self.window.since - self.window.until, self.window.since)

    def __str__(self) -> str:
        """From when until when, UTC."""
        return f"{_minute(self.window.since)} to {_minute(self.window.until)} UTC"


@dataclass(frozen=True, slots=True)
class Report:
    """A report: its kind, the span of time, which calls it is about (in words), and its tables."""

    kind: str
    title: str
    period: Period
    about: str
    tables: tuple[Table, ...]


def _minute(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
