"""The ids of combinations of values, in every cut, and the table that says which values they stand for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import lru_cache

from sqlalchemy import Connection

from spanledger.ledger.cuts import COARSE, FINEST
from spanledger.ledger.dialect import found, put
from spanledger.ledger.schema import DIMENSIONS, dimensions

_COLUMNS = range(len(DIMENSIONS))
#: Which columns each of the cuts tells apart, the finest at the end.
_TOLD = [(cut, tuple(place for place in _COLUMNS if cut >> place & 1)) for cut in (*COARSE, FINEST)]


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
    return tuple(_id(cut, tuple([values[place] for place in told])) for cut, told in _TOLD)


def known(connection: Connection, wanted: Mapping[int, tuple[str, ...]]) -> None:
    """Make sure that the database knows what combinations stand for, given by their finest ids."""
    there = found(connection, dimensions, ("cut", "id"), "id", [(FINEST, id_) for id_ in wanted])
    new = {row[:2]: row for id_, values in wanted.items() if (FINEST, id_) not in there for row in _rows(values)}
    put(
        connection,
        dimensions,
        ("cut", "id", *DIMENSIONS),
        [new[key] for key in sorted(new)],
        lambda insert: insert.on_conflict_do_nothing(),
    )


def _rows(values: tuple[str, ...]) -> Iterable[tuple[int | str, ...]]:
    for (cut, told), id_ in zip(_TOLD, ids(values), strict=True):
        yield (cut, id_, *(values[place] if place in told else "" for place in _COLUMNS))
