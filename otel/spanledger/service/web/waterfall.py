"""The calls of a run as bars along its time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spanledger.service.answers.calls import Call

#: The length of the shortest bar, in percent: anybody can see that something was there.
_LEAST = 0.4


@dataclass(frozen=True, slots=True)
class Bar:
    """One call: how long after the run began it did (ms), and its bar in percent of the run's time.

    `first` is the part of the bar until the first chunk came; 0 where nobody knows.
    """

    call: Call
    after_ms: float
    left: float
    length: float
    first: float

    @property
    def mark(self) -> str:
        """What is to be said of it; empty for a call like any other."""
        return "" if self.call.status == "success" else self.call.status


@dataclass(frozen=True, slots=True)
class Waterfall:
    """The bars, the earliest first, over `span_ms`."""

    bars: tuple[Bar, ...]
    span_ms: float

    @property
    def ticks(self) -> tuple[float, ...]:
        """Times along its top, in milliseconds."""
        return tuple(self.span_ms * part / 4 for part in range(5))


def waterfall(calls: Sequence[Call]) -> Waterfall:
    """The bars of calls that are in order."""
    if not calls:
        return Waterfall((), 0.0)
    began = calls[0].started
    span = max((one.ended - began).total_seconds() * 1000 for one in calls)
    return Waterfall(tuple(_bar(one, (one.started - began).total_seconds() * 1000, span) for one in calls), span)


def _bar(call: Call, after: float, span: float) -> Bar:
    whole = span or 1.0
    length = max(100 * call.duration_ms / whole, _LEAST)
    left = min(100 * after / whole, 100 - _LEAST)
    first = 100 * (call.time_to_first_chunk_ms or 0.0) / whole
    return Bar(call, after, left, min(length, 100 - left), first)
