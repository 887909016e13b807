"""How long the ledger remembers: days by table, None for ever. Sums by day stay unless the user says otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from sqlalchemy import ColumnElement, Connection, Table, delete

from spanledger.ledger.cuts import GRAINS
from spanledger.ledger.results import NANO
from spanledger.ledger.schema import cache_events, calls, latencies, rollups, runs, scores

_DAY = 86_400


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


def prune(connection: Connection, keep: Keep, now: float) -> int:
    """Forget what is too old at `now`, seconds since the epoch; how many rows that were."""
    times: tuple[tuple[Table, ColumnElement[int], int | None], ...] = (
        (calls, calls.c.started, keep.calls),
        (runs, runs.c.ended, keep.runs),
        (cache_events, cache_events.c.at, keep.cache_events),
        (scores, scores.c.at, keep.scores),
    )
    gone = 0
    for table, at, days in times:
        if days is not None:
            gone += connection.execute(delete(table).where(at < int(now - days * _DAY) * NANO)).rowcount
    for grain, days in zip(GRAINS, (keep.minutes, keep.hours, keep.days), strict=True):
        for table in (rollups, latencies) if days is not None else ():
            old = (table.c.grain == grain) & (table.c.at < int(now - (days or 0) * _DAY) // _DAY * _DAY)
            gone += connection.execute(delete(table).where(old)).rowcount
    return gone
