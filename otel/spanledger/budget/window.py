"""Windows of time in which a budget holds. The id of a window is part of a counter's key, so none is ever reset."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args
from zoneinfo import ZoneInfo

Kind = Literal[
    "run", "total", "minute", "hour", "day", "week", "month", "rolling_minute", "rolling_hour", "rolling_day"
]  # fmt: skip
KINDS: tuple[str, ...] = get_args(Kind)

#: A rolling window is a sum of this many sub-windows; it covers between all but one of them and all.
PARTS = 60
#: Seconds of a rolling window's parts.
_PART = {"rolling_minute": 1, "rolling_hour": 60, "rolling_day": 24 * 60}
#: Calendar windows by the format of their id. The offset tells the two hours apart that a clock change makes of one.
_FORMAT = {"minute": "%Y-%m-%dT%H:%M%z", "hour": "%Y-%m-%dT%H%z", "day": "%Y-%m-%d", "week": "%G-W%V", "month": "%Y-%m"}


def _whole_hour(t: datetime) -> datetime:
    return t.replace(minute=0, second=0, microsecond=0)


def _next_month(t: datetime) -> datetime:
    return (t.replace(day=1) + timedelta(days=32)).replace(day=1)


#: How the beginning of the day leads to the beginning of the next window.
_NEXT: dict[str, Callable[[datetime], datetime]] = {
    "day": lambda t: t + timedelta(days=1),
    "week": lambda t: t + timedelta(days=7 - t.weekday()),
    "month": _next_month,
}


@dataclass(frozen=True, slots=True)
class Window:
    """A kind of window; calendar ones begin and end by the clock of `zone`."""

    kind: Kind
    zone: str = "UTC"

    @property
    def timeless(self) -> bool:
        """Whether the clock has no part in it."""
        return self.kind in ("run", "total")

    @property
    def rolling(self) -> bool:
        """Whether it is a sum of sub-windows that moves along."""
        return self.kind in _PART

    def ids(self, now: float, run: str) -> tuple[str, ...]:
        """The window that holds at `now` (seconds since the epoch); of a rolling one its parts, the newest first."""
        if self.kind == "run":
            return (run,)
        if self.kind == "total":
            return ("total",)
        if seconds := _PART.get(self.kind):
            newest = int(now // seconds)
            return tuple(f"{seconds}s:{part}" for part in range(newest, newest - PARTS, -1))
        return (self._at(now).strftime(_FORMAT[self.kind]),)

    def ends(self, now: float) -> float | None:
        """When what was spent by `now` stops counting, in whole or in part, in seconds since the epoch; None: never."""
        if self.timeless:
            return None
        if seconds := _PART.get(self.kind):
            return (now // seconds + 1) * seconds
        if self.kind == "minute":
            return (now // 60 + 1) * 60
        local = self._at(now)
        if self.kind == "hour":
            return (_whole_hour(local).astimezone(UTC) + timedelta(hours=1)).timestamp()
        return _NEXT[self.kind](_whole_hour(local).replace(hour=0, fold=0)).timestamp()

    def began(self, now: float) -> float | None:
        """When the window that holds at `now` began, in seconds since the epoch; None where the clock has no part."""
        if self.timeless:
            return None
        if seconds := _PART.get(self.kind):
            return (now // seconds - PARTS + 1) * seconds
        if self.kind == "minute":
            return now // 60 * 60
        local = _whole_hour(self._at(now))
        if self.kind == "hour":
            return local.timestamp()
        day = local.replace(hour=0, fold=0)
        back = {"week": day.weekday(), "month": day.day - 1}.get(self.kind, 0)
        return (day - timedelta(days=back)).timestamp()

    def _at(self, now: float) -> datetime:
        return datetime.fromtimestamp(now, ZoneInfo(self.zone))
