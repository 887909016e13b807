"""Which columns the sums of a span of time are told apart by.

The finest cut tells all columns apart and has about as many sums as there are calls, whatever the span of time. So
there are coarser ones too, by every few columns together: whoever filters and groups by these reads as many sums as the
groups have values. A cut's number has a bit for each of its columns; a model is told with its provider.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from itertools import combinations

from spanledger.ledger.schema import DIMENSIONS, MANY

#: Seconds of the spans of time that are added up. Each is a whole number of the one before.
GRAINS = (60, 600, 3600, 14_400, 86_400, 604_800)
MINUTE, TEN, HOUR, FOUR, DAY, WEEK = GRAINS

_BIT = {name: 1 << place for place, name in enumerate(DIMENSIONS)}
_BIT["model"] |= _BIT["provider"]
FINEST = (1 << len(DIMENSIONS)) - 1


def number(names: Iterable[str]) -> int:
    """The cut by these columns."""
    found = 0
    for name in names:
        found |= _BIT[name]
    return found


def _by(size: int) -> list[frozenset[str]]:
    sets = [frozenset(names) for names in combinations(DIMENSIONS, size)]
    return [names for names in sets if not {"model", "provider"} <= names]


def _heavy(names: frozenset[str]) -> bool:
    """Whether an hour has about as many sums as there are calls."""
    return len(names) > 2 and len(names.intersection(MANY)) > 1


_SETS = sorted([names for size in range(4) for names in _by(size)], key=_heavy)
#: All cuts but the finest: those by two columns at most, then those by three, the heavy ones at the end.
COARSE = tuple(map(number, _SETS))
#: How many of these are kept by each grain, the first first. The finest is kept by all.
KEPT = {
    MINUTE: 0,
    TEN: sum(len(names) < 3 for names in _SETS),
    HOUR: sum(not _heavy(names) for names in _SETS),
    FOUR: len(COARSE),
    DAY: len(COARSE),
    WEEK: len(COARSE),
}


@lru_cache(maxsize=1024)
def for_question(grain: int, names: frozenset[str]) -> int:
    """The coarsest cut of this grain that tells these columns apart."""
    wanted = number(names)
    return next((cut for cut in COARSE[: KEPT[grain]] if cut & wanted == wanted), FINEST)


def cuts_of(grain: int) -> tuple[int, ...]:
    """All that are kept by this grain."""
    return (*COARSE[: KEPT[grain]], FINEST)
