"""The sums of a row as one integer, so that adding a row is one addition."""

from __future__ import annotations

import struct

from spanledger.ledger.overflow import SumError
from spanledger.ledger.schema import SUMS

#: Bits from one number to the next. There is room between them for what 2**32 numbers come to: none runs into another.
_LANE = 96
_NUMBERS = struct.Struct("<" + "q4x" * len(SUMS))
#: The highest bit of each number, which is its sign, and the room above it.
_SIGNS = sum(1 << (_LANE * place + 63) for place in range(len(SUMS)))
_ROOM = sum(((1 << _LANE) - (1 << 64)) << (_LANE * place) for place in range(len(SUMS)))


def packed(numbers: tuple[int, ...]) -> int:
    """Numbers of 64 bits as one; the sum of such is that of the sums. Raises SumError where one has more bits."""
    try:
        raw = int.from_bytes(_NUMBERS.pack(*numbers), "little")
    except struct.error:
        raise SumError from None
    return (raw ^ _SIGNS) - _SIGNS


def unpacked(sums: int) -> tuple[int, ...]:
    """The numbers again. Raises SumError where one has more than 64 bits."""
    raised = sums + _SIGNS
    if raised & _ROOM:
        raise SumError
    return _NUMBERS.unpack((raised ^ _SIGNS).to_bytes(_NUMBERS.size, "little"))
