"""The ids of combinations of values, in every cut, and the table that says which values they stand for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import lru_cache

from sqlalchemy import Connection

from spanledger.ledger.cuts import COARSE, FINEST
from spanledger.ledger.dialect import found, put
from spanledger.ledger.schema import DIMENSIONS, dimensions

#: Of combinations, by their values: their ids in each of the coarse cuts, and in the finest at the end.
Ids = Mapping[tuple[str, ...], tuple[int, ...]]
_COLUMNS = range(len(DIMENSIONS))
#: Which columns each of the coarse cuts tells apart; no more than four, a place that is 0 fills up.
_TOLD = [tuple(place for place in _COLUMNS if cut >> place & 1) for cut in COARSE]
_FILLED = [(told + (len(DIMENSIONS),) * 4)[:4] for told in _TOLD]


@lru_cache(maxsize=4096)
def _mark(column: int, value: str) -> int:
    digest = hashlib.blake2b(f"{column}\x1f{value}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def ids(values: tuple[str, ...]) -> tuple[int, ...]:
    """Of a combination in each of the coarse cuts, and in the finest at the end.

    The values that a cut tells apart are hashed one by one and put together by exclusive or.
    """
    marks = [*map(_mark, _COLUMNS, values), 0]
    finest = 0
    for mark in marks:
        finest ^= mark
    return (*(marks[a] ^ marks[b] ^ marks[c] ^ marks[d] for a, b, c, d in _FILLED), finest)


def known(connection: Connection, wanted: Ids) -> None:
    """Make sure that the database knows what these combinations stand for."""
    keys = {(FINEST, all_[-1]): values for values, all_ in wanted.items()}
    there = found(connection, dimensions, ("cut", "id"), "id", list(keys))
    new = {row[:2]: row for key, values in keys.items() if key not in there for row in _rows(values)}
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
