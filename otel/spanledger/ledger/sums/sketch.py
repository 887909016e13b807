"""Latency sketches: how many calls fell into which bin. The bins are DDSketch's, so any number of them can be merged.

The database keeps and adds up the bins; the library says which bin a latency is in, and which latency a bin stands for.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate

from ddsketch.mapping import LogarithmicMapping

#: A quantile is this close to the true one, relatively.
ACCURACY = 0.01
#: The bin of what takes no time; the library's follow.
ZERO = 0

_mapping = LogarithmicMapping(ACCURACY)


@lru_cache(maxsize=4096)
def _bin(microseconds: int) -> int:
    return 1 + int(_mapping.key(microseconds)) if microseconds >= 1 else ZERO


def bin_of(nanoseconds: int) -> int:
    """The bin of a latency; latencies below a microsecond are none."""
    return _bin(nanoseconds // 1000)


#: Bins that there are, for all that 64 bits of nanoseconds can be.
BINS = bin_of(2**63) + 1


def quantiles(counts: Sequence[int], *wanted: float) -> tuple[float | None, ...]:
    """The latencies in nanoseconds below which these shares of the calls are; None where there were no calls.

    `counts` has one for each bin. As in DDSketch, the quantile is in the first bin up to which there are more calls
    than the share of all but one.
    """
    upto = list(accumulate(counts))
    if not upto[-1]:
        return (None,) * len(wanted)
    return tuple(_value(bisect_right(upto, share * (upto[-1] - 1))) for share in wanted)


@lru_cache(maxsize=4096)
def _value(number: int) -> float:
    """The latency that stands for a bin."""
    return 0.0 if number == ZERO else float(_mapping.value(number - 1)) * 1000
