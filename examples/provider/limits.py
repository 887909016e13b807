"""What rate-limit headers tell: two buckets per model that fill up again within a minute."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Bucket:
    """So many units a minute; what was taken comes back evenly."""

    limit: int
    used: float = 0.0
    at: float = 0.0

    def take(self, units: int, now: float) -> None:
        """Use up some units."""
        recovered = max(0.0, now - self.at) * self.limit / 60
        self.used = min(float(self.limit), max(0.0, self.used - recovered) + units)
        self.at = now

    @property
    def remaining(self) -> int:
        """Whole units left."""
        return max(0, int(self.limit - self.used))

    @property
    def reset(self) -> str:
        """How long until the bucket is full again, written as the provider does: `6ms`, `1.5s`, `1m2.5s`."""
        seconds = self.used / self.limit * 60
        if seconds < 1:
            return f"{max(1, round(seconds * 1000))}ms"
        minutes, rest = divmod(seconds, 60)
        return (f"{int(minutes)}m" if minutes else "") + f"{rest:.3g}s"


@dataclass
class Limits:
    """The buckets of all models."""

    requests: int
    tokens: int
    clock: Callable[[], float]
    _buckets: dict[str, tuple[Bucket, Bucket]] = field(default_factory=dict)

    def take(self, model: str, tokens: int) -> dict[str, Bucket]:
        """Count one request with so many tokens; what is left of that model's `requests` and `tokens`."""
        pair = self._buckets.setdefault(model, (Bucket(self.requests), Bucket(self.tokens)))
        now = self.clock()
        for bucket, units in zip(pair, (1, tokens), strict=True):
            bucket.take(units, now)
        return dict(zip(("requests", "tokens"), pair, strict=True))
