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

#: Seconds of the spans of time that are added up.
GRAINS = (60, 3600, 86400)
MINUTE, HOUR, DAY = GRAINS

_BIT = {name: 1 << place for place, name in enumerate(DIMENSIONS)}
_PROVIDER = _BIT["provider"]
_MODEL = _BIT["model"] | _PROVIDER
_BIT["model"] = _MODEL
#: Columns of many values. Two of them and a third column are told apart by the day only.
MANY = ("stage", "model", "tenant")
FINEST = (1 << len(DIMENSIONS)) - 1


def number(names: Iterable[str]) -> int:
    """The cut by these columns."""
    found = 0
    for name in names:
        found |= _BIT[name]
    return found


def _by(size: int, *, many: bool) -> tuple[int, ...]:
    sets = (names for names in combinations(DIMENSIONS, size) if (sum(name in MANY for name in names) > 1) is many)
    return tuple(number(names) for names in sets if not {"model", "provider"} <= set(names))


def _three() -> tuple[tuple[int, ...], tuple[int, ...]]:
    """By three columns, not more than one of them of many values: those with the operation, and the others."""
    cuts = _by(3, many=False)
    return tuple(c for c in cuts if c & _OPERATION), tuple(c for c in cuts if not c & _OPERATION)


_OPERATION = _BIT["operation"]
#: Operations are listed with their latencies under up to two filters.
_TIMED = (*_by(0, many=False), *_by(1, many=False), *_by(2, many=False), *_by(2, many=True), *_three()[0])
_HOURLY = (*_TIMED, *_three()[1])
#: All cuts but the finest: first those with latencies, then those by the hour, then those by the day only.
COARSE = (*_HOURLY, *_by(3, many=True))
#: How many of them are kept: of latencies, by the hour, and by the day.
TIMED, HOURLY, DAILY = len(_TIMED), len(_HOURLY), len(COARSE)


@lru_cache(maxsize=1024)
def for_question(grain: int, names: frozenset[str], *, latencies: bool = False) -> int:
    """The coarsest cut of this grain that tells these columns apart."""
    if grain == MINUTE:
        return FINEST
    wanted = number(names)
    kept = COARSE[: TIMED if latencies else HOURLY if grain == HOUR else DAILY]
    fitting = (cut for cut in kept if cut & wanted == wanted)
    return min(fitting, key=int.bit_count, default=FINEST)
