"""Single calls out of the ledger: pages of them, one trace, one call."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from spanledger.ledger.questions.filters import ALL, Filter, Window, during
from spanledger.ledger.questions.results import Call, Page
from spanledger.ledger.schema import calls

#: Rows of a page at most.
PAGE = 1000


def page(
    connection: Connection,
    window: Window,
    only: Filter = ALL,
    *,
    after: tuple[int, str] | None = None,
    limit: int = 100,
) -> Page:
    """Calls and lost attempts of a window, the latest first; `after` is that of the page before.

    Rows that come late stand where they belong, so pages never repeat or skip what was there from the beginning.
    """
    limit = max(1, min(limit, PAGE))
    where = [during(window), *only.of_calls()]
    if after is not None:
        where.append(_before(*after))
    found = select(calls).where(*where).order_by(calls.c.started.desc(), calls.c.id.desc()).limit(limit + 1)
    rows = tuple(Call(dict(row)) for row in connection.execute(found).mappings())
    last = rows[limit - 1] if len(rows) > limit else None
    return Page(rows[:limit], None if last is None else (last.started, last.id))


def _before(started: int, id_: str) -> ColumnElement[bool]:
    """Further down than this call. The first part is for the index."""
    row = calls.c
    return and_(row.started <= started, or_(row.started < started, row.id < id_))


def after(started: int, id_: str) -> ColumnElement[bool]:
    """Later than this call. The first part is for the index."""
    row = calls.c
    return and_(row.started >= started, or_(row.started > started, row.id > id_))


def trace(connection: Connection, trace_id: str, only: Filter = ALL) -> tuple[Call, ...]:
    """The first calls of a trace, the earliest first."""
    wanted = (calls.c.trace_id == trace_id, *only.of_calls())
    rows = select(calls).where(*wanted).order_by(calls.c.started, calls.c.id).limit(PAGE)
    return tuple(Call(dict(row)) for row in connection.execute(rows).mappings())


def call(connection: Connection, id_: str, only: Filter = ALL) -> Call | None:
    """One call or lost attempt; None where there is none such."""
    found = connection.execute(select(calls).where(calls.c.id == id_, *only.of_calls())).mappings().one_or_none()
    return None if found is None else Call(dict(found))
