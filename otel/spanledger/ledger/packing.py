"""Many numbers in one: sums of a row as one integer, so that adding a row is one addition, and bins as bytes."""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterable, Mapping
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
    bins = _unpacked(there)
    for bin_, count in new.items():
        bins[bin_] = bins.get(bin_, 0) + count
    if min(bins.values()) <= 0 or max(bins.values()) > _MOST:
        parts = [(bin_, min(rest, _MOST)) for bin_, count in bins.items() for rest in range(count, 0, -_MOST)]
        return _shorts(2 * len(parts)).pack(*(bin_ for bin_, _ in parts), *(count for _, count in parts))
    return _shorts(2 * len(bins)).pack(*bins, *bins.values())


def unpack_bins(packed_bins: bytes, into: Bins | list[int]) -> None:
    """Add bins to others."""
    for bin_, count in _pairs(packed_bins):
        into[bin_] += count


def take_away_bins(packed_bins: bytes, into: list[int]) -> None:
    """Take bins away from others."""
    for bin_, count in _pairs(packed_bins):
        into[bin_] -= count


def _unpacked(packed_bins: bytes) -> dict[int, int]:
    bins = dict(_pairs(packed_bins))
    if 4 * len(bins) == len(packed_bins):
        return bins
    all_: Bins = defaultdict(int)  # there are some of a high count
    unpack_bins(packed_bins, all_)
    return all_


def _pairs(packed_bins: bytes) -> Iterable[tuple[int, int]]:
    half = len(packed_bins) // 4
    flat = _shorts(2 * half).unpack(packed_bins)
    return zip(flat[:half], flat[half:], strict=True)


@lru_cache(maxsize=1024)
def _shorts(count: int) -> struct.Struct:
    return struct.Struct(f"<{count}H")
