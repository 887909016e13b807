"""Which columns the sums of a span of time are told apart by.

The finest cut tells all columns apart and has about as many sums as there are calls, whatever the span of time. So
there are coarser ones too, by every few columns together: whoever filters and groups by these reads as many sums as the
groups have values. A cut's number has a bit for each of its columns; a model is told with its provider.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from itertools import combinations

from spanledger.ledger.schema import DIMENSIONS

#: Seconds of the spans of time that are added up. Each is a whole number of the one before.
GRAINS = (60, 600, 3600, 86400, 604800)
MINUTE, TEN, HOUR, DAY, WEEK = GRAINS

_BIT = {name: 1 << place for place, name in enumerate(DIMENSIONS)}
_BIT["model"] |= _BIT["provider"]
FINEST = (1 << len(DIMENSIONS)) - 1


def number(names: Iterable[str]) -> int:
    """The cut by these columns."""
    found = 0
    for name in names:
        found |= _BIT[name]
    return found


def _by(size: int) -> tuple[int, ...]:
    sets = (names for names in combinations(DIMENSIONS, size) if not {"model", "provider"} <= set(names))
    return tuple(number(names) for names in sets)


_FEW = (*_by(0), *_by(1), *_by(2))
#: All cuts but the finest: first those by two columns at most, then those by three.
COARSE = (*_FEW, *_by(3))
#: How many of these are kept by the ten minutes; by what is longer all of them are, and by the minute none.
FEW = len(_FEW)
_KEPT = {MINUTE: (), TEN: _FEW, HOUR: COARSE, DAY: COARSE, WEEK: COARSE}


@lru_cache(maxsize=1024)
def for_question(grain: int, names: frozenset[str]) -> int:
    """The coarsest cut of this grain that tells these columns apart."""
    wanted = number(names)
    return next((cut for cut in _KEPT[grain] if cut & wanted == wanted), FINEST)


def cuts_of(grain: int) -> tuple[int, ...]:
    """All that are kept by this grain."""
    return (*_KEPT[grain], FINEST)
