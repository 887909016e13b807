"""What metrics are counted in: sums by label set, and labels with a bounded number of values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from opentelemetry.metrics import CallbackOptions, Observation

#: Stands for the values of a label beyond its limit.
OTHER = "other"

Labels = tuple[tuple[str, Any], ...]


class Capped:
    """A label with a bounded number of values."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._known: set[str] = set()

    def __call__(self, value: str) -> str:
        """The value itself, or `other` once there are too many."""
        if value in self._known:
            return value
        if len(self._known) >= self._limit:
            return OTHER
        self._known.add(value)
        return value


class Tally:
    """Sums by label set, read by observable instruments."""

    def __init__(self) -> None:
        self._sums: Counter[Labels] = Counter()

    def add(self, labels: Labels, amount: int = 1) -> None:
        """Count so much more."""
        self._sums[labels] += amount

    def put(self, labels: Labels, value: int) -> None:
        """Take this value for what was last told."""
        self._sums[labels] = value

    def clear(self) -> None:
        """Begin at zero: a forked child has counted nothing."""
        self._sums.clear()

    def __call__(self, _options: CallbackOptions) -> Iterable[Observation]:
        """What an observable instrument reports."""
        return [Observation(value, dict(labels)) for labels, value in list(self._sums.items())]
