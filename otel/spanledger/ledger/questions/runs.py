"""Runs out of the ledger: pages of them, and one with its calls. What a run came to is added up by the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from spanledger.ledger.dialect import asked
from spanledger.ledger.questions.filters import ALL, Filter, Window
from spanledger.ledger.questions.listing import PAGE
from spanledger.ledger.questions.results import Call
from spanledger.ledger.schema import calls, runs
from spanledger.money import NANO


@dataclass(frozen=True, slots=True)
class Run:
    """What a run came to, as far as the calls tell that were asked about. Times are nanoseconds, money is nano-USD.

    `calls` left, `errors` of them failed; `refused` did not leave, `lost` attempts were perhaps billed. `cost` is what
    is known of it, `unpriced` counts the rows of which more is owed.
    """

    id: str
    started: int
    ended: int
    service: str | None
    tenant: str | None
    user: str | None
    calls: int
    refused: int
    errors: int
    lost: int
    cost: int
    unpriced: int
    input: int
    output: int


@dataclass(frozen=True, slots=True)
class RunPage:
    """Some runs, the latest first. `after` asks for the next page; None where this is the last one."""

    runs: tuple[Run, ...]
    after: tuple[int, str] | None


def page(
    connection: Connection,
    window: Window,
    only: Filter = ALL,
    *,
    after: tuple[int, str] | None = None,
    limit: int = 100,
) -> RunPage:
    """The runs that began in a window and have such calls, the latest first; `after` is that of the page before."""
    limit = max(1, min(limit, PAGE))
    where = [runs.c.started >= window.since * NANO, runs.c.started < window.until * NANO]
    if only != ALL:
        where.append(select(calls.c.id).where(calls.c.run == runs.c.id, *only.of_calls()).exists())
    if after is not None:
        where.append(_before(*after))
    wanted = select(runs.c.started, runs.c.id).where(*where).order_by(runs.c.started.desc(), runs.c.id.desc())
    places = [(int(started), str(id_)) for started, id_ in connection.execute(wanted.limit(limit + 1))]
    found = {run.id: run for run in _summed(connection, [id_ for _, id_ in places[:limit]], only)}
    shown = tuple(found[id_] for _, id_ in places[:limit] if id_ in found)  # its calls may have been too old to keep
    return RunPage(shown, places[limit - 1] if len(places) > limit else None)


def run(connection: Connection, id_: str, only: Filter = ALL) -> Run | None:
    """One run; None where it has no such calls."""
    return next(iter(_summed(connection, [id_], only)), None)


def calls_of(connection: Connection, id_: str, only: Filter = ALL, limit: int = PAGE) -> tuple[Call, ...]:
    """The first calls of a run, the earliest first."""
    rows = select(calls).where(calls.c.run == id_, *only.of_calls()).order_by(calls.c.started, calls.c.id).limit(limit)
    return tuple(Call(dict(row)) for row in connection.execute(rows).mappings())


def _summed(connection: Connection, ids: Sequence[str], only: Filter) -> list[Run]:
    if not ids:
        return []
    row = calls.c

    def count(*wanted: ColumnElement[bool]) -> ColumnElement[int]:
        return func.sum(case((and_(*wanted), 1), else_=0))

    call, left = row.kind == "call", row.status != "refused"
    own = (func.min(row.started), func.max(row.ended), *(func.max(row[name]) for name in ("service", "tenant", "user")))
    counts = (count(call, left), count(call, ~left), count(call, row.status.in_(("error", "timeout"))), count(~call))
    sums = (func.sum(row.cost), count(row.price_status == "unpriced"), func.sum(row.input), func.sum(row.output))
    meant = row.run.in_(select(asked(connection, calls, ("run",), [(id_,) for id_ in ids])))
    statement = select(row.run, *own, *counts, *sums).where(meant, *only.of_calls()).group_by(row.run)
    return [
        Run(id_, int(began), int(ended), service, tenant, user, *(int(figure or 0) for figure in figures))
        for id_, began, ended, service, tenant, user, *figures in connection.execute(statement)
    ]


def _before(started: int, id_: str) -> ColumnElement[bool]:
    """Further down than this run. The first part is for the index."""
    row = runs.c
    return and_(row.started <= started, or_(row.started < started, row.id < id_))
