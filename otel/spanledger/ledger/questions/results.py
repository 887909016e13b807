"""Answers of the ledger. Money is nano-USD, times are nanoseconds."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over calls. `cost` is what is known of it; `unpriced` counts the rows of which more is owed than that.

    `calls` counts those that left, `refused` those that did not; `errors` and `timeouts` are among `calls`. `lost` are
    attempts without an answer that were perhaps billed; their cost is in `cost`, their number in no other count.
    """

    calls: int = 0
    refused: int = 0
    errors: int = 0
    timeouts: int = 0
    lost: int = 0
    cost: int = 0
    cost_provider: int = 0
    cost_estimated: int = 0
    priced: int = 0
    unpriced: int = 0
    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0
    duration: int = 0

    @property
    def known(self) -> int | None:
        """The cost as far as it is known; None where nothing of it is, so that nobody reads that as 0."""
        return self.cost if self.cost or not self.unpriced else None

    @property
    def cost_local(self) -> int:
        """What of the cost our own tables say."""
        return self.cost - self.cost_provider

    @property
    def tokens(self) -> int:
        """Input and output."""
        return self.input + self.output

    @property
    def error_rate(self) -> float | None:
        """The share of calls that failed, timeouts among them; None where there were none."""
        return (self.errors + self.timeouts) / self.calls if self.calls else None

    @property
    def mean(self) -> float | None:
        """How long a call took."""
        return self.duration / self.calls if self.calls else None

    @property
    def cached(self) -> float | None:
        """The share of input tokens that the provider read from its cache."""
        return self.cache_read / self.input if self.input else None

    def __add__(self, other: Totals) -> Totals:
        return Totals(*(getattr(self, name) + getattr(other, name) for name in NAMES))


NAMES = tuple(f.name for f in fields(Totals))


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Latencies; None where there were no calls. Each is within one percent of the true one."""

    p50: float | None = None
    p95: float | None = None
    p99: float | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation and how it did."""

    name: str
    totals: Totals
    latency: Percentiles


@dataclass(frozen=True, slots=True)
class Hits:
    """How often a cache of the app's was asked and answered."""

    hits: int = 0
    misses: int = 0

    def __add__(self, other: Hits) -> Hits:
        return Hits(self.hits + other.hits, self.misses + other.misses)

    @property
    def rate(self) -> float | None:
        """The share that was answered; None where nobody asked."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else None


@dataclass(frozen=True, slots=True)
class Projection:
    """What the month will cost if it goes on like the `days` before today, which cost `cost`.

    `today` is what today has cost, in `rows` calls and lost attempts, and `of_today` what it will have cost.
    """

    days: int
    cost: int
    today: int
    of_today: int
    rows: int

    @property
    def monthly(self) -> int:
        """For 30 days; at the rate of today where there were no days before."""
        return round(self.cost / self.days * 30) if self.days else self.of_today * 30


@dataclass(frozen=True, slots=True)
class Call:
    """A row, whole, by column."""

    row: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        """A column."""
        try:
            return self.row[name]
        except KeyError:
            raise AttributeError(name) from None


@dataclass(frozen=True, slots=True)
class Page:
    """Some calls, the latest first. `after` asks for the next page; None where this is the last one."""

    calls: tuple[Call, ...]
    after: tuple[int, str] | None
