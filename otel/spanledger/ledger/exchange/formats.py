"""Records of a table as JSON lines, CSV or Parquet."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any, Literal, TypeVar, get_args, overload

from sqlalchemy import Boolean, Float, Integer

from spanledger.errors import ConfigError
from spanledger.ledger.entry import Entry
from spanledger.ledger.exchange.checking import UnfitError
from spanledger.ledger.exchange.rows import BATCH, batches
from spanledger.ledger.exchange.tables import CALLS, Carried

Format = Literal["jsonl", "csv", "parquet"]
FORMATS: tuple[str, ...] = get_args(Format)
_T = TypeVar("_T")


def save(found: Iterable[_T], out: IO[bytes], format_: Format, table: Carried[_T]) -> int:
    """Write records to a file; returns how many."""
    return sum(portions(found, out, format_, table))


def portions(found: Iterable[Any], out: IO[bytes], format_: Format, table: Carried[Any] = CALLS) -> Iterator[int]:
    """The same a batch at a time: yields how many were written. What ends the file is written last."""
    make = {"jsonl": _save_jsonl, "csv": _save_csv, "parquet": _save_parquet}[format_]
    return make(batches(found, BATCH), out, table)


@overload
def load(file: IO[bytes], format_: Format) -> Iterator[Entry]: ...


@overload
def load(file: IO[bytes], format_: Format, table: Carried[_T]) -> Iterator[_T]: ...


def load(file: IO[bytes], format_: Format, table: Carried[Any] = CALLS) -> Iterator[Any]:
    """The records of a file. Raises ConfigError naming the line that is none, or what the file is instead."""
    return {"jsonl": _load_jsonl, "csv": _load_csv, "parquet": _load_parquet}[format_](file, table)


def _save_jsonl(found: Iterable[list[Any]], out: IO[bytes], table: Carried[Any]) -> Iterator[int]:
    for batch in found:
        out.write(b"".join(map(table.line, batch)))
        yield len(batch)


def _load_jsonl(file: IO[bytes], table: Carried[_T]) -> Iterator[_T]:
    for number, line in enumerate(file, 1):
        if line.strip():
            yield _read(table.of_line, line, f"line {number}")


def _read(how: Callable[[Any], _T], what: Any, place: str) -> _T:
    try:
        return how(what)
    except UnfitError as error:
        raise ConfigError(f"{place}: {error}") from error


def _save_csv(found: Iterable[list[Any]], out: IO[bytes], table: Carried[Any]) -> Iterator[int]:
    writer = csv.writer(_Text(out))
    writer.writerow(table.columns)
    for batch in found:
        writer.writerows(table.cells(record).values() for record in batch)
        yield len(batch)


class _Text:
    """What `csv` writes to; it ends lines itself."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out

    def write(self, text: str) -> int:
        """Write a line."""
        return self._out.write(text.encode())


def _load_csv(file: IO[bytes], table: Carried[_T]) -> Iterator[_T]:
    csv.field_size_limit(sys.maxsize)
    rows = csv.reader(_decoded(file))
    try:
        head = next(rows, [])
        _read(lambda names: table.expect(names, table.known.needed), head, "line 1")
        for row in filter(None, rows):
            place = f"line {rows.line_num}"
            if len(row) != len(head):
                raise ConfigError(f"{place}: it has {len(row)} cells, the first line names {len(head)} columns")
            yield _read(table.of_cells, {name: cell or None for name, cell in zip(head, row, strict=True)}, place)
    except csv.Error as error:
        raise ConfigError(f"line {rows.line_num}: this is no CSV ({error})") from error


def _decoded(file: IO[bytes]) -> Iterator[str]:
    """Lines as text. Spreadsheets begin a file with a mark."""
    for number, line in enumerate(file, 1):
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise ConfigError(f"line {number}: this is no UTF-8 ({error.reason})") from error


def _save_parquet(found: Iterable[list[Any]], out: IO[bytes], table: Carried[Any]) -> Iterator[int]:
    arrow, parquet = _pyarrow()
    kinds = {Boolean: arrow.bool_(), Integer: arrow.int64(), Float: arrow.float64()}

    def kind(name: str) -> Any:
        of = table.types.get(name)
        return next((kind for sql, kind in kinds.items() if isinstance(of, sql)), arrow.string())

    schema = arrow.schema([(name, kind(name)) for name in table.columns])
    with parquet.ParquetWriter(out, schema) as writer:
        for batch in found:
            writer.write_table(arrow.Table.from_pylist([table.cells(record) for record in batch], schema))
            yield len(batch)


def _load_parquet(file: IO[bytes], table: Carried[_T]) -> Iterator[_T]:
    _, parquet = _pyarrow()
    try:
        opened = parquet.ParquetFile(file)
        _read(lambda names: table.expect(names, table.known.needed), opened.schema_arrow.names, "its schema")
        rows = (row for batch in opened.iter_batches(BATCH) for row in batch.to_pylist())
        for number, row in enumerate(rows, 1):
            yield _read(table.of_cells, row, f"row {number}")
    except (OSError, ValueError) as error:
        raise ConfigError(f"this is no Parquet file ({error})") from error


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow  # noqa: PLC0415  few have it
        import pyarrow.parquet  # noqa: PLC0415
    except ImportError as error:
        raise ConfigError(f"Parquet needs a package: pip install 'spanledger[parquet]' ({error})") from error
    return pyarrow, pyarrow.parquet
