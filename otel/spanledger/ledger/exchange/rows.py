"""Calls out of a database, as the entries that they were made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, select

from spanledger.ledger.dialect import asked
from spanledger.ledger.entry import Charge, Entry, usage_of
from spanledger.ledger.questions.filters import ALL, Filter
from spanledger.ledger.questions.listing import after
from spanledger.ledger.schema import TOKENS, calls, charges
from spanledger.usage import Usage

_T = TypeVar("_T")
#: Gives a connection to read one page by.
Reads = Callable[[], AbstractContextManager[Connection]]
#: Rows that are in memory at a time.
BATCH = 1000
_PLAIN = tuple(name for name in Entry._fields if name in calls.c)


def usage_of_row(row: dict[str, Any]) -> Usage:
    """What the call of a row used."""
    said = {name: row[name] for name in (*TOKENS, "estimated", "suspect", "reported_nano_usd")}
    return usage_of({**said, "units": row["units"] or {}})


def entry_of(row: dict[str, Any], paid: Iterable[Charge] = ()) -> Entry:
    """The entry that a row was made of."""
    said = {name: row[name] for name in _PLAIN}
    said["usage"] = usage_of_row(row) if row["used"] else None
    return Entry(**{**said, "missing": tuple(row["missing"] or ()), "charges": tuple(paid)})


def entries(connection: Connection, since: int, until: int, only: Filter = ALL) -> Iterator[Entry]:
    """The entries that began in a span of time (nanoseconds since the epoch), the earliest first."""
    return by_pages(lambda: nullcontext(connection), since, until, only)


def by_pages(reads: Reads, since: int, until: int, only: Filter = ALL) -> Iterator[Entry]:
    """The same, each page by a connection of its own: none is kept while somebody makes use of what was read.

    Every entry comes once, and those that were there at the beginning all do, unless they become too old to keep. One
    that arrives meanwhile comes too if it began later than what was read by then.
    """
    further = calls.c.started >= since
    while True:
        with reads() as connection:
            found = _page(connection, further, calls.c.started < until, *only.of_calls())
        yield from found
        if len(found) < BATCH:
            return
        further = after(found[-1].started, found[-1].id)


def _page(connection: Connection, *where: ColumnElement[bool]) -> list[Entry]:
    """The first such entries."""
    wanted = select(calls).where(*where).order_by(calls.c.started, calls.c.id).limit(BATCH)
    rows = [dict(row) for row in connection.execute(wanted).mappings()]
    paid: dict[str, list[Charge]] = {}
    if not rows:
        return []
    theirs = select(asked(connection, charges, ("call",), [(row["id"],) for row in rows]))
    own = select(charges).where(charges.c.call.in_(theirs)).order_by(*charges.primary_key)
    for call, *charge in connection.execute(own):
        paid.setdefault(call, []).append(Charge(*charge))
    return [entry_of(row, paid.get(row["id"], ())) for row in rows]


def batches(found: Iterable[_T], size: int) -> Iterator[list[_T]]:
    """The same in lists of so many."""
    rest = iter(found)
    while batch := list(islice(rest, size)):
        yield batch
