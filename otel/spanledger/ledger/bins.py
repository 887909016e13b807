"""Latency bins as bytes, and how bytes are added up.

Low bytes first whatever the machine: a file may move to another. Few bins are pairs: first the bins, then their counts,
in 16 bits each; of a higher count there are several. Where bins are close together they are lanes instead: the first
bin in 16 bits, then a count of 32 bits for it and each that follows. Lanes are added up as one whole number. The length
says which it is: pairs have four bytes each, lanes two more.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache

from spanledger.ledger.sketch import BINS

#: How many calls fell into each bin.
Bins = defaultdict[int, int]
#: The highest count of a pair.
_MOST = 0xFFFF
#: Bins from which lanes are quicker to add up than pairs, and how many lanes there may be for each of them.
_MANY, _LOOSE = 24, 2
#: The highest count of a lane, and how often lanes can be added or taken away until one may have more than 31 bits.
_HIGHEST, _OFTEN = 2**24 - 1, 127
_FIRST = struct.Struct("<H")
_BITS = 32
_ZERO = 1 << (_BITS - 1)
_RAISED = sum(_ZERO << (_BITS * lane) for lane in range(BINS))


def merged(there: bytes, new: Mapping[int, int]) -> bytes:
    """Bins with others added, or taken away where their count is negative."""
    bins: Bins = defaultdict(int)
    unpack(there, bins)
    for bin_, count in new.items():
        bins[bin_] += count
    return _packed({bin_: count for bin_, count in bins.items() if count})


def _packed(bins: Mapping[int, int]) -> bytes:
    if len(bins) >= _MANY:
        lanes = range(min(bins), max(bins) + 1)
        if len(lanes) <= _LOOSE * len(bins) and min(bins.values()) > 0 and max(bins.values()) <= _HIGHEST:
            return _lanes(len(lanes)).pack(lanes.start, *(bins.get(bin_, 0) for bin_ in lanes))
    parts = [(bin_, min(rest, _MOST)) for bin_, count in bins.items() for rest in range(count, 0, -_MOST)]
    return _shorts(2 * len(parts)).pack(*(bin_ for bin_, _ in parts), *(count for _, count in parts))


def unpack(packed: bytes, into: Bins) -> None:
    """Add bins to others."""
    for bin_, count in _counted(packed):
        into[bin_] += count


def _counted(packed: bytes) -> Iterable[tuple[int, int]]:
    if not _are_lanes(packed):
        return _pairs(packed)
    first, *counts = _lanes(len(packed) // 4).unpack(packed)
    return ((bin_, count) for bin_, count in enumerate(counts, first) if count)


def _are_lanes(packed: bytes) -> bool:
    return len(packed) % 4 == _FIRST.size


def _pairs(packed: bytes) -> Iterable[tuple[int, int]]:
    half = len(packed) // 4
    flat = _shorts(2 * half).unpack(packed)
    return zip(flat[:half], flat[half:], strict=True)


@lru_cache(maxsize=1024)
def _shorts(count: int) -> struct.Struct:
    return struct.Struct(f"<{count}H")


@lru_cache(maxsize=1024)
def _lanes(count: int) -> struct.Struct:
    return struct.Struct(f"<H{count}I")


@lru_cache(maxsize=1024)
def _words(count: int) -> struct.Struct:
    return struct.Struct(f"<{count}I")


class Tally:
    """Bins added up and taken away."""

    def __init__(self) -> None:
        self._counts = [0] * BINS
        self._lanes, self._first, self._left = 0, BINS, _OFTEN

    def add(self, packed: bytes, sign: int) -> None:
        """Add bins, or take them away where the sign is negative."""
        if not _are_lanes(packed):
            counts = self._counts
            for bin_, count in _pairs(packed):
                counts[bin_] += sign * count
            return
        (first,) = _FIRST.unpack_from(packed)
        self._lanes += (sign * int.from_bytes(packed[_FIRST.size :], "little")) << (_BITS * first)
        self._first = min(self._first, first)
        self._left -= 1
        if not self._left:
            self._settle()

    def count(self, bin_: int) -> None:
        """Add one call."""
        self._counts[bin_] += 1

    @property
    def counts(self) -> list[int]:
        """How many there are in each bin."""
        self._settle()
        return self._counts

    def _settle(self) -> None:
        """A lane may be below zero, where what it is taken away from is in pairs: all are raised to be read."""
        lanes = self._lanes >> (_BITS * self._first)
        size = lanes.bit_length() // _BITS + 1
        raised = lanes + (_RAISED & ((1 << (_BITS * size)) - 1))
        for bin_, lane in enumerate(_words(size).unpack(raised.to_bytes(4 * size, "little")), self._first):
            if lane != _ZERO:
                self._counts[bin_] += lane - _ZERO
        self._lanes, self._first, self._left = 0, BINS, _OFTEN
