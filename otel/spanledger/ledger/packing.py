"""Many numbers in one: sums of a row as one integer, so that adding a row is one addition, and bins as bytes."""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache

from spanledger.ledger.schema import SUMS

#: How many calls fell into each bin.
Bins = defaultdict[int, int]
_NUMBERS = struct.Struct(f"<{len(SUMS)}q")
#: The highest bit of each number, which is its sign.
_SIGNS = sum(1 << (64 * place + 63) for place in range(len(SUMS)))
_MOST = 0xFFFF


def packed(numbers: tuple[int, ...]) -> int:
    """Numbers of 64 bits as one; the sum of such is that of the sums. Raises OverflowError where one has more bits."""
    try:
        raw = int.from_bytes(_NUMBERS.pack(*numbers), "little")
    except struct.error as error:
        raise OverflowError(str(error)) from None
    return (raw ^ _SIGNS) - _SIGNS


def unpacked(sums: int) -> tuple[int, ...]:
    """The numbers again."""
    return _NUMBERS.unpack(((sums + _SIGNS) ^ _SIGNS).to_bytes(_NUMBERS.size, "little"))


def merged(there: bytes, new: Mapping[int, int]) -> bytes:
    """Bins with others added, or taken away where their count is negative.

    First the bins, then their counts, in 16 bits each, the low byte first whatever the machine: a file may move to
    another. Of a higher count there are several.
    """
    bins: Bins = defaultdict(int, new)
    unpack_bins(there, bins)
    if min(bins.values()) <= 0 or max(bins.values()) > _MOST:
        parts = [(bin_, min(rest, _MOST)) for bin_, count in bins.items() for rest in range(count, 0, -_MOST)]
        return _shorts(2 * len(parts)).pack(*(bin_ for bin_, _ in parts), *(count for _, count in parts))
    return _shorts(2 * len(bins)).pack(*bins, *bins.values())


def unpack_bins(packed_bins: bytes, into: Bins) -> None:
    """Add bins to others."""
    half = len(packed_bins) // 4
    flat = _shorts(2 * half).unpack(packed_bins)
    for bin_, count in zip(flat[:half], flat[half:], strict=True):
        into[bin_] += count


@lru_cache(maxsize=1024)
def _shorts(count: int) -> struct.Struct:
    return struct.Struct(f"<{count}H")
