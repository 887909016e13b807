"""How long the ledger remembers: days by table, None for ever. Sums by day stay unless the user says otherwise."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

from sqlalchemy import Column, Connection, Delete, Engine, Table, delete, func, select

from spanledger.ledger.dialect import asked
from spanledger.ledger.schema import cache_events, cache_rollups, calls, latencies, rollups, runs, scores
from spanledger.ledger.sums import closing, hits, mark
from spanledger.ledger.sums.cuts import DAY, FOUR, HOUR, MINUTE, TEN, WEEK, cuts_of
from spanledger.money import NANO

#: Rows that are forgotten at a time: a transaction with so many is over.
BATCH = 5000
#: Seconds of sums of each grain that are forgotten together: days with their week, which they are taken away from.
_TOGETHER = {MINUTE: DAY, TEN: DAY, HOUR: DAY, FOUR: DAY, DAY: WEEK, WEEK: WEEK}
#: Tables of rows, each with the column that finds the oldest, and the one that says how old a row is.
_ROWS: tuple[tuple[Table, Column[int], Column[int]], ...] = (
    (calls, calls.c.started, calls.c.started),
    (runs, runs.c.started, runs.c.ended),
    (cache_events, cache_events.c.at, cache_events.c.at),
    (scores, scores.c.at, scores.c.at),
)


@dataclass(frozen=True, slots=True)
class Keep:
    """Days that each is kept. `minutes` (and tens of them) and `hours` are the sums that windows begin and end with.

    The ends of a window that is older are taken as the nearest whole hour, or day. Weeks are kept as days are. Sums of
    short spans of time are kept no longer than those of long ones, which windows take them away from.
    """

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

    @property
    def sums(self) -> dict[int, int | None]:
        """Days that the sums of each grain are kept."""
        hours = _shorter(self.hours, self.days)
        minutes = _shorter(self.minutes, hours)
        return {MINUTE: minutes, TEN: minutes, HOUR: hours, FOUR: hours, DAY: self.days, WEEK: self.days}


def _shorter(days: int | None, longer: int | None) -> int | None:
    return min((one for one in (days, longer) if one is not None), default=None)


def prune(engine: Engine, keep: Keep, now: float) -> int:
    """Close what is over, and forget what is too old at `now`, seconds since the epoch; how many rows that were."""
    closing.close_all(engine, now)
    return sum(pruning(engine, keep, now))


def pruning(engine: Engine, keep: Keep, now: float) -> Iterator[int]:
    """The same a transaction at a time: yields how many rows it forgot. No connection is open in between.

    So much at a time that writers, who wait for each other, hardly notice. Minutes that are not closed stay.
    """
    gone = 1
    while gone:
        gone = 0
        due = _due(engine, keep, now)
        while due:
            some = _forgotten(engine, due)
            gone += some
            yield some


def _due(engine: Engine, keep: Keep, now: float) -> deque[Delete]:
    """What forgets the oldest rows and days that are too old; it may find that it is none of them."""
    with engine.connect().execution_options(reads=True) as connection:
        return deque([*_old_rows(connection, keep, now), *_old_sums(connection, keep, now)])


def _forgotten(engine: Engine, due: deque[Delete]) -> int:
    """Do what is due, the first first, until it comes to a batch of rows."""
    gone = 0
    with engine.begin() as connection:
        while due and gone < BATCH:
            gone += connection.execute(due.popleft()).rowcount
    return gone


def _old_rows(connection: Connection, keep: Keep, now: float) -> Iterator[Delete]:
    """A batch of each table that has rows too old."""
    first = connection.execute(select(*(select(func.min(at)).scalar_subquery() for _, at, _ in _ROWS))).one()
    for (table, at, age), oldest, days in zip(_ROWS, first, _days_of_rows(keep), strict=True):
        before = None if days is None else int(now - days * DAY) * NANO
        if before is not None and oldest is not None and oldest < before:
            some = select(table.c.id).where(at < before, age < before).limit(BATCH)
            yield delete(table).where(table.c.id.in_(some))


def _days_of_rows(keep: Keep) -> tuple[int | None, ...]:
    return keep.calls, keep.runs, keep.cache_events, keep.scores


def _old_sums(connection: Connection, keep: Keep, now: float) -> Iterator[Delete]:
    """The first days of each cut of the finest grain that has days too old, in the order in which writers lock.

    Longer spans of time wait until all that can be taken away from them is gone. None that is not closed is forgotten.
    """
    over = mark.seen(connection)
    kept = {grain: days for grain, days in keep.sums.items() if days is not None}
    before = {grain: _whole(grain, min(over, int(now - days * DAY))) for grain, days in kept.items()}
    for table, cuts in ((rollups, cuts_of), (latencies, cuts_of), (cache_rollups, hits.cuts_of)) if before else ():
        places = [(grain, cut) for grain in before for cut in sorted(cuts(grain))]
        of, row = asked(connection, table, ("grain", "cut"), places), table.c
        oldest = select(func.min(row.at)).where(row.grain == of.c.grain, row.cut == of.c.cut).scalar_subquery()
        found = connection.execute(select(of.c.grain, of.c.cut, oldest)).tuples()
        old = [(grain, cut, first) for grain, cut, first in found if first is not None and first < before[grain]]
        finest = min((grain for grain, _, _ in old), default=0)
        for grain, cut, first in old:
            if grain == finest:
                some = row.at < _whole(grain, first) + _TOGETHER[grain]
                yield delete(table).where(row.grain == grain, row.cut == cut, some)


def _whole(grain: int, at: int) -> int:
    return at // _TOGETHER[grain] * _TOGETHER[grain]
