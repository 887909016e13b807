"""The ids of combinations of values, in every cut, and the table that says which values they stand for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from itertools import compress

from sqlalchemy import Connection

from spanledger.ledger.dialect import found, put
from spanledger.ledger.schema import DIMENSIONS, dimensions
from spanledger.ledger.sums.cuts import COARSE, FINEST

#: Whether each of the cuts tells each of the columns apart, the finest at the end.
_TOLD = [(cut, tuple(cut >> place & 1 for place in range(len(DIMENSIONS)))) for cut in (*COARSE, FINEST)]


@lru_cache(maxsize=65_536)
def _id(cut: int, told: tuple[str, ...]) -> int:
    """A hash of all of it: nobody finds texts that share the id of somebody else's."""
    digest = hashlib.blake2b(repr((cut, told)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def finest(values: tuple[str, ...]) -> int:
    """The id of a combination in the finest cut."""
    return _id(FINEST, values)


def ids(values: tuple[str, ...]) -> tuple[int, ...]:
    """Of a combination in each of the coarse cuts, of the values that it tells apart, and in the finest at the end."""
    return tuple([_id(cut, tuple(compress(values, told))) for cut, told in _TOLD])


def known(connection: Connection, wanted: Mapping[int, tuple[str, ...]]) -> None:
    """Make sure that the database knows what combinations stand for, given by their finest ids."""
    there = found(connection, dimensions, ("cut", "id"), "id", [(FINEST, id_) for id_ in wanted])
    unknown = [values for id_, values in wanted.items() if (FINEST, id_) not in there]
    new = sorted(
        (cut, _id(cut, values), *_spread(values, told))
        for cut, told in _TOLD
        for values in {tuple(compress(values, told)) for values in unknown}
    )
    put(connection, dimensions, ("cut", "id", *DIMENSIONS), new, lambda insert: insert.on_conflict_do_nothing())


def _spread(values: tuple[str, ...], told: tuple[int, ...]) -> tuple[str, ...]:
    """The values that are told apart, each in its column; the other columns are empty."""
    rest = iter(values)
    return tuple([next(rest) if one else "" for one in told])
