"""The ledger to take along: out of the database as entries, and as JSON lines, CSV or Parquet, and back.

Whatever comes back has its id, so it counts once however often it is brought.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from typing import IO, Any, Literal, TypeVar, get_args

from sqlalchemy import JSON, Boolean, ColumnElement, Connection, Integer, select

from spanledger.errors import ConfigError
from spanledger.ledger.entry import Charge, Entry, usage_of
from spanledger.ledger.filters import ALL, Filter
from spanledger.ledger.listing import after
from spanledger.ledger.schema import TOKENS, calls, charges
from spanledger.ledger.writes import row_of
from spanledger.usage import Usage

Format = Literal["jsonl", "csv", "parquet"]
FORMATS: tuple[str, ...] = get_args(Format)
_T = TypeVar("_T")
#: Rows that are in memory at a time.
BATCH = 1000
_PLAIN = tuple(name for name in Entry._fields if name in calls.c)
_COLUMNS = (*calls.c.keys(), "charges")


def usage_of_row(row: dict[str, Any]) -> Usage:
    """What the call of a row used."""
    said = {name: row[name] for name in (*TOKENS, "estimated", "suspect", "reported_nano_usd")}
    return usage_of({**said, "units": row["units"] or {}})


def entry_of(row: dict[str, Any], paid: Iterable[Charge] = ()) -> Entry:
    """The entry that a row was made of."""
    said = {name: row[name] for name in _PLAIN}
    said["usage"] = usage_of_row(row) if row["used"] else None
    return Entry(**{**said, "missing": tuple(row["missing"] or ()), "charges": tuple(paid)})


#: Gives a connection to read one page by.
Reads = Callable[[], AbstractContextManager[Connection]]


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
    own = select(charges).where(charges.c.call.in_([row["id"] for row in rows])).order_by(*charges.primary_key)
    for call, *charge in connection.execute(own):
        paid.setdefault(call, []).append(Charge(*charge))
    return [entry_of(row, paid.get(row["id"], ())) for row in rows]


def batches(found: Iterable[_T], size: int) -> Iterator[list[_T]]:
    """The same in lists of so many."""
    rest = iter(found)
    while batch := list(islice(rest, size)):
        yield batch


def save(found: Iterable[Entry], out: IO[bytes], format_: Format) -> int:
    """Write entries to a file; returns how many."""
    return sum(portions(found, out, format_))


def portions(found: Iterable[Entry], out: IO[bytes], format_: Format) -> Iterator[int]:
    """The same a batch at a time: yields how many were written. What ends the file is written last."""
    return {"jsonl": _save_jsonl, "csv": _save_csv, "parquet": _save_parquet}[format_](batches(found, BATCH), out)


def load(file: IO[bytes], format_: Format) -> Iterator[Entry]:
    """The entries of a file. Raises ConfigError where it is none of ours."""
    try:
        if format_ == "jsonl":
            yield from (Entry.read(line) for line in file)
        elif format_ == "csv":
            csv.field_size_limit(sys.maxsize)
            yield from (_of_cells(row) for row in csv.DictReader(line.decode() for line in file))
        else:
            yield from (_of_cells(row) for row in _load_parquet(file))
    except (ValueError, TypeError, LookupError, AttributeError, csv.Error) as error:
        raise ConfigError(f"this is no export of a ledger as {format_}: {error!r}") from error


def _save_jsonl(found: Iterable[list[Entry]], out: IO[bytes]) -> Iterator[int]:
    for batch in found:
        out.write(b"".join(entry.line() for entry in batch))
        yield len(batch)


def _save_csv(found: Iterable[list[Entry]], out: IO[bytes]) -> Iterator[int]:
    writer = csv.writer(_Text(out))
    writer.writerow(_COLUMNS)
    for batch in found:
        writer.writerows(_cells(entry).values() for entry in batch)
        yield len(batch)


class _Text:
    """What `csv` writes to; it ends lines itself."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out

    def write(self, text: str) -> int:
        """Write a line."""
        return self._out.write(text.encode())


def _cells(entry: Entry) -> dict[str, Any]:
    row = row_of(entry)
    cells = {
        name: json.dumps(row[name]) if isinstance(calls.c[name].type, JSON) and row[name] is not None else row[name]
        for name in calls.c.keys()  # noqa: SIM118  these are columns
    }
    return {**cells, "charges": json.dumps(entry.charges) if entry.charges else None}


def _of_cells(cells: dict[str, Any]) -> Entry:
    row = {name: _value(name, cells.get(name)) for name in calls.c.keys()}  # noqa: SIM118  these are columns
    paid = cells.get("charges")
    return entry_of(row, (Charge(*charge) for charge in json.loads(paid)) if paid else ())


def _value(name: str, cell: Any) -> Any:
    kind = calls.c[name].type
    if cell is None or cell == "":
        return 0 if name in TOKENS else None
    if isinstance(kind, JSON):
        return json.loads(cell)
    if isinstance(kind, Boolean):
        return cell in (True, "True", "true", "1")
    return int(cell) if isinstance(kind, Integer) else str(cell)


def _save_parquet(found: Iterable[list[Entry]], out: IO[bytes]) -> Iterator[int]:
    arrow, parquet = _pyarrow()
    kinds = {Boolean: arrow.bool_(), Integer: arrow.int64()}
    fields = [
        (column.name, next((kind for sql, kind in kinds.items() if isinstance(column.type, sql)), arrow.string()))
        for column in calls.c
    ]
    schema = arrow.schema([*fields, ("charges", arrow.string())])
    with parquet.ParquetWriter(out, schema) as writer:
        for batch in found:
            writer.write_table(arrow.Table.from_pylist([_cells(entry) for entry in batch], schema))
            yield len(batch)


def _load_parquet(file: IO[bytes]) -> Iterator[dict[str, Any]]:
    _, parquet = _pyarrow()
    for batch in parquet.ParquetFile(file).iter_batches(BATCH):
        yield from batch.to_pylist()


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow  # noqa: PLC0415  few have it
        import pyarrow.parquet  # noqa: PLC0415
    except ImportError as error:
        raise ConfigError(f"Parquet needs a package: pip install 'spanledger[parquet]' ({error})") from error
    return pyarrow, pyarrow.parquet
