"""Entries and events into the database: each id once, with the rollups, in one transaction."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from sqlalchemy import JSON, Connection, Engine, case

from spanledger.ledger.dialect import put, put_new
from spanledger.ledger.entry import CacheEvent, Charge, Entry, Line, units_told
from spanledger.ledger.schema import TOKENS, cache_events, calls, charges, runs
from spanledger.ledger.sums import hits
from spanledger.ledger.sums.rollup import Change
from spanledger.money import NANO
from spanledger.usage import Usage

#: Rows that are written at a time: what the outbox hands out at most. The more at a time, the fewer sums for each.
BATCH = 10_000
_NOTHING = Usage()
#: Nanoseconds that a call takes at most, and none takes less than nothing: what says so has lost an end, or has a clock
#: that is wrong. A few such times would be more than sums have room for.
_LONGEST = 86_400 * NANO
_PLAIN = tuple(name for name in Entry._fields if name in calls.c)
_plain = attrgetter(*_PLAIN)
_tokens = attrgetter(*TOKENS)
_JSON = tuple(column.name for column in calls.c if isinstance(column.type, JSON))
_RUN = ("id", "started", "ended", "service", "tenant", "user")


def write(engine: Engine, lines: Sequence[Line]) -> int:
    """Take entries and events; returns how many were new."""
    new = 0
    for first in range(0, len(lines), BATCH):
        batch = lines[first : first + BATCH]
        with engine.begin() as connection:
            new += insert_entries(connection, [line for line in batch if isinstance(line, Entry)])
            new += insert_events(connection, [line for line in batch if isinstance(line, CacheEvent)])
    return new


def insert_events(connection: Connection, events: Iterable[CacheEvent]) -> int:
    """Take events of caches in the transaction that is open; returns how many were new."""
    by_id = {event.id: event for event in (CacheEvent(*map(storable, event)) for event in events)}
    if not by_id:
        return 0
    new = put_new(connection, cache_events, CacheEvent._fields, [by_id[id_] for id_ in sorted(by_id)])
    hits.count(connection, [by_id[id_] for id_ in new])
    return len(new)


def insert_entries(connection: Connection, entries: Iterable[Entry]) -> int:
    """Take entries in the transaction that is open; returns how many were new."""
    told = {row["id"]: (row, entry.charges) for entry in entries for row in [_timely(row_of(entry))]}
    rows = [told[id_][0] for id_ in sorted(told)]
    if not rows:
        return 0
    new = put_new(connection, calls, list(rows[0]), [_cells(row) for row in rows])
    fresh = [row for row in rows if row["id"] in new]
    if fresh:
        _charged(connection, {id_: told[id_][1] for id_ in sorted(new)})
        _ran(connection, fresh)
        change = Change()
        change.add(fresh)
        change.apply(connection)
    return len(fresh)


def row_of(entry: Entry) -> dict[str, Any]:
    """The row of an entry, by column."""
    usage = entry.usage
    counts = usage or _NOTHING
    row: dict[str, Any] = dict(zip(_PLAIN, _plain(entry), strict=True))
    if not "".join([value for value in row.values() if value.__class__ is str]).isprintable():
        row = {name: storable(value) for name, value in row.items()}
    row.update(zip(TOKENS, _tokens(counts), strict=True))
    row["used"] = usage is not None
    row["units"] = (units_told(counts) or None) if counts.units else None
    row["reported_nano_usd"] = counts.reported_nano_usd
    row["missing"] = list(entry.missing) or None
    return row


def _timely(row: dict[str, Any]) -> dict[str, Any]:
    """The same, no longer than a call can take."""
    row["ended"] = min(max(row["started"], row["ended"]), row["started"] + _LONGEST)
    return row


def _cells(row: dict[str, Any]) -> tuple[Any, ...]:
    """The same as the database takes it."""
    told = {name: json.dumps(row[name]) for name in _JSON if row[name] is not None}
    return tuple((row | told).values() if told else row.values())


def storable(value: Any) -> Any:
    """Text without what databases refuse in it: half characters, and those of the number 0."""
    if isinstance(value, str) and not value.isprintable():
        return value.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
    return value


def _charged(connection: Connection, paid: Mapping[str, Iterable[Charge]]) -> None:
    rows = [(call, *map(storable, charge)) for call, charges_ in paid.items() for charge in charges_]
    put(connection, charges, ("call", *Charge._fields), rows, lambda insert: insert.on_conflict_do_nothing())


def _ran(connection: Connection, rows: Iterable[dict[str, Any]]) -> None:
    """A run spans all of its calls, in whatever order they come."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row["run"]:
            run = found.setdefault(row["run"], _run(row))
            run["started"], run["ended"] = min(run["started"], row["started"]), max(run["ended"], row["ended"])
    insert_runs(connection, [tuple(found[key].values()) for key in sorted(found)])


def insert_runs(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Take runs, by id, in the transaction that is open; those that are there only get longer."""

    def widening(insert: Any) -> Any:
        old, new = runs.c, insert.excluded
        began = case((new.started < old.started, new.started), else_=old.started)
        ended = case((new.ended > old.ended, new.ended), else_=old.ended)
        return insert.on_conflict_do_update(index_elements=[old.id], set_={"started": began, "ended": ended})

    put(connection, runs, _RUN, rows, widening)


def _run(row: dict[str, Any]) -> dict[str, Any]:
    return {"id": row["run"], **{name: row[name] for name in _RUN[1:]}}
