"""Latency bins as bytes, and how bytes are added up.

Low bytes first whatever the machine: a file may move to another. All numbers have 16 bits. Few bins are pairs: first
the bins, then their counts; of a higher count there are several. Where bins are close together they are lanes instead:
the first bin, then a count for it and each that follows; that is no longer, and lanes are added up as one whole number.
A byte at the end makes the length of lanes odd, which tells them from pairs.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache

from spanledger.ledger.sums.sketch import BINS

#: How many calls fell into each bin.
Bins = defaultdict[int, int]
#: The highest count of a pair.
_MOST = 0xFFFF
#: Bins from which lanes are quicker to add up than pairs, and how many lanes there may be for each of them.
_MANY, _LOOSE = 24, 2
#: Bits of a lane where lanes are added up, and how often they can be until one may need the last of them.
_BITS, _OFTEN = 32, 2**15 - 1
_FIRST = struct.Struct("<H")
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
        if len(lanes) < _LOOSE * len(bins) and min(bins.values()) > 0 and max(bins.values()) <= _MOST:
            return _shorts(1 + len(lanes)).pack(lanes.start, *(bins.get(bin_, 0) for bin_ in lanes)) + b"\0"
    parts = [(bin_, min(rest, _MOST)) for bin_, count in bins.items() for rest in range(count, 0, -_MOST)]
    return _shorts(2 * len(parts)).pack(*(bin_ for bin_, _ in parts), *(count for _, count in parts))


def unpack(packed: bytes, into: Bins) -> None:
    """Add bins to others."""
    for bin_, count in _counted(packed):
        into[bin_] += count


def _counted(packed: bytes) -> Iterable[tuple[int, int]]:
    if not _are_lanes(packed):
        return _pairs(packed)
    first, *counts = _shorts(len(packed) // 2).unpack_from(packed)
    return ((bin_, count) for bin_, count in enumerate(counts, first) if count)


def _are_lanes(packed: bytes) -> bool:
    return len(packed) % 2 == 1


def _pairs(packed: bytes) -> Iterable[tuple[int, int]]:
    half = len(packed) // 4
    flat = _shorts(2 * half).unpack(packed)
    return zip(flat[:half], flat[half:], strict=True)


@lru_cache(maxsize=1024)
def _shorts(count: int) -> struct.Struct:
    return struct.Struct(f"<{count}H")


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
        wide = bytearray(2 * len(packed) - 6)
        wide[::4], wide[1::4] = packed[2:-1:2], packed[3:-1:2]
        self._lanes += (sign * int.from_bytes(wide, "little")) << (_BITS * first)
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
