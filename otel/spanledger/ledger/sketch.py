"""Latency sketches: how many calls fell into which bin. The bins are DDSketch's, so any number of them can be merged.

The database keeps and adds up the bins; the library says which bin a latency is in, and what a quantile is.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from ddsketch.ddsketch import BaseDDSketch
from ddsketch.mapping import LogarithmicMapping
from ddsketch.store import DenseStore

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


def quantiles(bins: Mapping[int, int], *wanted: float) -> tuple[float | None, ...]:
    """The latencies in nanoseconds below which these shares of the calls are; None where there were no calls."""
    store = DenseStore()
    zero = 0
    for number, count in bins.items():
        if number == ZERO:
            zero += count
        elif count > 0:
            store.add(number - 1, count)
    sketch = BaseDDSketch(_mapping, store, DenseStore(), zero)
    found = (sketch.get_quantile_value(share) for share in wanted)
    return tuple(None if value is None else float(value) * 1000 for value in found)
