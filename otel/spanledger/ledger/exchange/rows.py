"""Calls out of a database, as the entries that they were made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, select

from spanledger.ledger.entry import Charge, Entry, usage_of
from spanledger.ledger.filters import ALL, Filter
from spanledger.ledger.schema import TOKENS, calls, charges
from spanledger.usage import Usage

_T = TypeVar("_T")
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
    inside = (calls.c.started >= since) & (calls.c.started < until)
    found = select(calls).where(inside, *only.of_calls()).order_by(calls.c.started, calls.c.id)
    rows = (dict(row) for row in connection.execution_options(yield_per=BATCH).execute(found).mappings())
    for batch in batches(rows, BATCH):
        paid: dict[str, list[Charge]] = {}
        wanted = select(charges).where(charges.c.call.in_([row["id"] for row in batch])).order_by(*charges.primary_key)
        for call, *charge in connection.execute(wanted):
            paid.setdefault(call, []).append(Charge(*charge))
        yield from (entry_of(row, paid.get(row["id"], ())) for row in batch)


def batches(found: Iterable[_T], size: int) -> Iterator[list[_T]]:
    """The same in lists of so many."""
    rest = iter(found)
    while batch := list(islice(rest, size)):
        yield batch
