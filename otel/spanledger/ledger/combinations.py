"""The ids of combinations of values, in every cut, and the table that says which values they stand for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import lru_cache, reduce
from operator import xor

from sqlalchemy import Connection

from spanledger.ledger.cuts import COARSE, FINEST
from spanledger.ledger.dialect import found, put
from spanledger.ledger.schema import DIMENSIONS, dimensions

_COLUMNS = range(len(DIMENSIONS))
#: Which columns each of the coarse cuts tells apart; no more than four, a place that is 0 fills up.
_TOLD = [tuple(place for place in _COLUMNS if cut >> place & 1) for cut in COARSE]
_FILLED = [(told + (len(DIMENSIONS),) * 4)[:4] for told in _TOLD]


@lru_cache(maxsize=4096)
def _mark(column: int, value: str) -> int:
    digest = hashlib.blake2b(f"{column}\x1f{value}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def finest(values: tuple[str, ...]) -> int:
    """The id of a combination in the finest cut: the hashes of its values put together by exclusive or."""
    return reduce(xor, map(_mark, _COLUMNS, values))


def ids(values: tuple[str, ...]) -> tuple[int, ...]:
    """Of a combination in each of the coarse cuts, of the values that it tells apart, and in the finest at the end."""
    marks = [*map(_mark, _COLUMNS, values), 0]
    return (*(marks[a] ^ marks[b] ^ marks[c] ^ marks[d] for a, b, c, d in _FILLED), reduce(xor, marks))


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
    *coarse, finest = ids(values)
    yield (FINEST, finest, *values)
    for cut, told, id_ in zip(COARSE, _TOLD, coarse, strict=True):
        yield (cut, id_, *(values[place] if place in told else "" for place in _COLUMNS))
