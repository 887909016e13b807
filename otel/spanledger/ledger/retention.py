"""How long the ledger remembers: days by table, None for ever. Sums by day stay unless the user says otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import product

from sqlalchemy import ColumnElement, Engine, Table, delete, func, select

from spanledger.ledger.cuts import COARSE, DAY, FINEST, GRAINS, MINUTE
from spanledger.ledger.results import NANO
from spanledger.ledger.schema import cache_events, calls, latencies, rollups, runs, scores

#: Rows that are forgotten at a time.
BATCH = 5000


@dataclass(frozen=True, slots=True)
class Keep:
    """Days that each is kept. `minutes` and `hours` are the sums that windows begin and end with."""

    calls: int | None = 400
    runs: int | None = 400
    cache_events: int | None = 90
    scores: int | None = 400
    minutes: int | None = 400
    hours: int | None = 400
    days: int | None = None

    @classmethod
    def of(cls, said: Mapping[str, int | None]) -> Keep:
        """The usual with what was said in its place; calls that are forgotten earlier do not shorten the sums."""
        return cls(**{**asdict(cls()), **said})


def prune(engine: Engine, keep: Keep, now: float) -> int:
    """Forget what is too old at `now`, seconds since the epoch; how many rows that were.

    So much at a time that writers, who wait for each other, hardly notice.
    """
    times: tuple[tuple[Table, ColumnElement[int], int | None], ...] = (
        (calls, calls.c.started, keep.calls),
        (runs, runs.c.ended, keep.runs),
        (cache_events, cache_events.c.at, keep.cache_events),
        (scores, scores.c.at, keep.scores),
    )
    gone = 0
    for table, at, days in times:
        if days is not None:
            gone += _rows(engine, table, at < int(now - days * DAY) * NANO)
    for grain, days in zip(GRAINS, (keep.minutes, keep.hours, keep.days), strict=True):
        for table, cut in product((rollups, latencies), (FINEST,) if grain == MINUTE else (*COARSE, FINEST)):
            if days is not None:
                gone += _sums(engine, table, (grain, cut), int(now - days * DAY) // DAY * DAY)
    return gone


def _rows(engine: Engine, table: Table, old: ColumnElement[bool]) -> int:
    some = delete(table).where(table.c.id.in_(select(table.c.id).where(old).limit(BATCH)))
    gone = 0
    while True:
        with engine.begin() as connection:
            count = connection.execute(some).rowcount
        gone += count
        if count < BATCH:
            return gone


def _sums(engine: Engine, table: Table, of: tuple[int, int], before: int) -> int:
    """Day by day, the first first."""
    row, gone = table.c, 0
    same = (row.grain == of[0], row.cut == of[1], row.at < before)
    while True:
        with engine.connect().execution_options(reads=True) as connection:
            first = connection.scalar(select(func.min(row.at)).where(*same))
        if first is None:
            return gone
        with engine.begin() as connection:
            day = row.at < first // DAY * DAY + DAY
            gone += connection.execute(delete(table).where(*same, day)).rowcount
