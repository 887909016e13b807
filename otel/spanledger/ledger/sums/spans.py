"""A window as few sums: of weeks, days, four hours, hours, tens of minutes and minutes, some of them taken away again.

What ends at 23:50 is a day less ten minutes. Each end of a window is reached from the nearest whole week, from there by
the nearest whole day, and so on, forwards or backwards: so an end costs three days, three times four hours, two hours,
three tens and five minutes at most.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from spanledger.ledger.sums.cuts import GRAINS, MINUTE, WEEK


class Span(NamedTuple):
    """Sums of one grain: when they begin, in seconds since the epoch, and whether they are added or taken away."""

    grain: int
    sign: int
    ats: tuple[int, ...]


def spans(since: int, until: int, most: int = WEEK) -> list[Span]:
    """What a window of whole minutes is made of. Nothing is longer than `most`.

    What is taken away lies in the same span of `most` as what it is taken from.
    """
    if (length := until - since) in GRAINS and length <= most and since % length == 0:
        return [Span(length, 1, (since,))]
    grains = [grain for grain in reversed(GRAINS) if grain <= most and grain <= max(until - since, MINUTE)]
    whole = grains[0]
    found = defaultdict(int, {(whole, at): 1 for at in range(_near(since, whole), _near(until, whole), whole)})
    for end, sign in ((since, -1), (until, 1)):
        for grain, at, way in _reached(end, grains):
            found[grain, at] += sign * way
    by_kind: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for (grain, at), sign in found.items():
        if sign:
            by_kind[grain, sign].append(at)
    return [Span(grain, sign, tuple(sorted(ats))) for (grain, sign), ats in sorted(by_kind.items())]


def _near(at: int, grain: int) -> int:
    """The nearest whole span's beginning."""
    return (at + grain // 2) // grain * grain


def _reached(end: int, grains: list[int]) -> Iterator[tuple[int, int, int]]:
    """From the nearest beginning of the longest grain to an end of a window: grain, beginning, which way."""
    at = _near(end, grains[0])
    for grain in grains[1:]:
        to = _near(end, grain)
        way = 1 if to > at else -1
        for one in range(min(at, to), max(at, to), grain):
            yield grain, one, way
        at = to
