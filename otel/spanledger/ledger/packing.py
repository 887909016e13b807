"""The sums of a row as one integer, so that adding a row is one addition."""

from __future__ import annotations

import struct

from spanledger.ledger.schema import SUMS

_NUMBERS = struct.Struct(f"<{len(SUMS)}q")
#: The highest bit of each number, which is its sign.
_SIGNS = sum(1 << (64 * place + 63) for place in range(len(SUMS)))


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
