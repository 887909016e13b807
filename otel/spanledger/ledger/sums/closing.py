"""Minutes that are over are added up to longer spans of time, ten minutes to a week, in all cuts: they are closed.

Until then their sums are read one by one, so it does not matter for an answer when that is done, nor whether. A row
that comes later is added to all of these sums at once. Doing it for each row would cost several times what the row
does, since most rows of ten minutes go into the same coarse sums.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Engine, Table, and_, func, select

from spanledger.ledger.schema import (
    DIMENSIONS,
    SUMS,
    dimensions,
    latencies,
    rollups,
)
from spanledger.ledger.sums import hits, levels, mark
from spanledger.ledger.sums.bins import Bins, unpack
from spanledger.ledger.sums.cuts import FINEST, MINUTE, TEN
from spanledger.ledger.sums.levels import At
from spanledger.ledger.sums.packing import packed

#: Seconds after which minutes are taken to be over: most calls that began in them have ended.
PATIENCE = 120
#: Sums of minutes that are closed at a time; of ten minutes more.
SOME = 5000


def due(connection: Connection, now: float) -> bool:
    """Whether there are minutes to close at `now`, seconds since the epoch."""
    return mark.seen(connection) < _over(now)


def close(engine: Engine, now: float, some: int = SOME) -> bool:
    """Close some of the minutes that are over; whether there may be more of them. Writers wait for it."""
    with engine.begin() as connection:
        since = mark.alone(connection)
        to = _upto(connection, since, _over(now), some)
        if to <= since:
            return False
        _add_up(connection, since, to)
        hits.add_up(connection, since, to)
        mark.move(connection, to)
        return to < _over(now)


def close_all(engine: Engine, now: float, some: int = SOME) -> None:
    """Close them all."""
    while close(engine, now, some):
        pass


def _over(now: float) -> int:
    return int(now - PATIENCE) // TEN * TEN


def _upto(connection: Connection, since: int, over: int, some: int) -> int:
    """As far as some sums go: over the times where there are none, too."""
    row = rollups.c
    of_minutes = select(row.at).where(row.grain == MINUTE, row.cut == FINEST, row.at >= since, row.at < over)
    after = connection.scalar(of_minutes.order_by(row.at).offset(some).limit(1))
    return over if after is None else max(after // TEN * TEN, _first(connection, since) + TEN)


def _first(connection: Connection, since: int) -> int:
    row = rollups.c
    found = select(func.min(row.at)).where(row.grain == MINUTE, row.cut == FINEST, row.at >= since)
    return int(connection.scalar(found) or 0) // TEN * TEN


def _add_up(connection: Connection, since: int, to: int) -> None:
    sums: dict[At, int] = {}
    bins: defaultdict[At, Bins] = defaultdict(lambda: defaultdict(int))
    for at, values, found in _read(connection, rollups, SUMS, since, to):
        sums[at, values] = packed(found)
    for at, values, some in _read(connection, latencies, ("bins",), since, to):
        unpack(some[0], bins[at, values])
    levels.put_sums(connection, levels.coarser(sums, levels.plus))
    levels.put_bins(connection, levels.coarser(bins, levels.with_bins))


def _read(
    connection: Connection, table: Table, names: tuple[str, ...], since: int, to: int
) -> Iterator[tuple[int, tuple[str, ...], tuple[Any, ...]]]:
    """The minutes of a table: when, which combination, and these columns."""
    row, combined = table.c, [dimensions.c[name] for name in DIMENSIONS]
    of_it = and_(dimensions.c.cut == FINEST, dimensions.c.id == row.dimension)
    inside = (row.grain == MINUTE, row.cut == FINEST, row.at >= since, row.at < to)
    found = select(row.at, *combined, *(row[name] for name in names)).join_from(table, dimensions, of_it).where(*inside)
    for at, *rest in connection.execute(found):
        yield at, tuple(rest[: len(DIMENSIONS)]), tuple(rest[len(DIMENSIONS) :])
