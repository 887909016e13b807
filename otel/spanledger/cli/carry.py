"""`spanledger ledger export` and `import`: one table and one file, or the whole ledger and a folder."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from spanledger.cli.opening import engine, moment, told
from spanledger.cli.whole import whole
from spanledger.errors import ConfigError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

_FORMATS = ("jsonl", "csv", "parquet")
_TABLES = ("runs", "calls", "cache_events", "scores")
#: Records that are brought in at a time.
_BATCH = 2000
_WHAT = "a file, - for standard {}, or a folder for all tables, each in a file of its name"


class Part(NamedTuple):
    """A table in a file. `name` is the file as the user calls it; - is standard output or input."""

    table: Any
    name: str
    format: Any


def add(actions: Any) -> None:
    """Declare both."""
    out = actions.add_parser("export", help="write the rows of a span of time to a file, or to a folder")
    out.add_argument("--since", default="0", metavar="WHEN", help="2026-11-01, 2026-11-01T12:00, or 7d ago")
    out.add_argument("--until", default=None, metavar="WHEN", help="the first moment that is left out; default now")
    out.set_defaults(do=_export)
    into = actions.add_parser("import", help="take rows from such files; those that are there count once")
    into.set_defaults(do=_import)
    for action, stream in ((out, "output"), (into, "input")):
        action.add_argument("file", nargs="?", default="-", metavar="FILE", help=_WHAT.format(stream))
        action.add_argument("--table", choices=_TABLES, help="default: by the file's name, else calls; of a folder all")
        action.add_argument("--format", choices=_FORMATS, help="default: by the file's name, else jsonl")


def _export(given: argparse.Namespace) -> int:
    made = engine()
    from spanledger.ledger import database  # noqa: PLC0415  imports much

    since = moment(given.since)
    until = moment(given.until) if given.until else time.time_ns()
    if since >= until:
        raise ConfigError("the span of time is empty: --since must be before --until")
    folder = _folder(given)
    if folder is not None:
        _make(folder)
    counts = {}
    with told(), database.reading(made) as connection, ExitStack() as files:
        for part in _parts(given, folder, (given.format or "jsonl",)):
            out = files.enter_context(_written(part.name))
            counts[part.table.title] = _write(connection, part, out, since, until)
    for title, count in counts.items():
        print(f"{count} {title} written", file=sys.stderr)
    return 0


def _write(connection: Connection, part: Part, out: IO[bytes], since: int, until: int) -> int:
    from spanledger.ledger import exchange  # noqa: PLC0415  as above

    return exchange.save(part.table.rows(connection, since, until), out, part.format, part.table)


def _import(given: argparse.Namespace) -> int:
    made = engine(existing=False)
    from spanledger.ledger import migrate  # noqa: PLC0415  as above
    from spanledger.ledger.sums import closing  # noqa: PLC0415  as above

    folder = _folder(given)
    parts = list(_parts(given, folder, (given.format,) if given.format else _FORMATS))
    if folder is not None:
        parts = [part for part in parts if Path(part.name).exists()]
        if not parts:
            raise ConfigError(f"{folder}: there is no export in this folder, such as {folder / 'calls.jsonl'}")
    with told():
        migrate.ready(made)
    for part in parts:
        _bring(made, part)
    with told():
        closing.close_all(made, time.time())
    return 0


def _bring(made: Engine, part: Part) -> None:
    """Take what stands in a file. What went in before something is wrong stays, and is told."""
    from spanledger.ledger import exchange  # noqa: PLC0415  as above

    count = new = 0
    with _read(part.name) as file:
        try:
            with told():
                for batch in exchange.batches(exchange.load(file, part.format, part.table), _BATCH):
                    new += part.table.bring(made, batch)
                    count += len(batch)
        except (ConfigError, OSError) as error:
            there = f"are the first {count} of its {part.table.title} ({new} new)" if count else "is nothing of it"
            raise ConfigError(
                f"{part.name}: {error}. In the ledger {there}; put it right and import it again: what is there "
                "already counts once"
            ) from error
    print(f"{count} {part.table.title} read, {new} of them new", file=sys.stderr)


def _folder(given: argparse.Namespace) -> Path | None:
    """The folder that was named; None for a file."""
    return Path(given.file) if given.file.endswith("/") or (given.file != "-" and Path(given.file).is_dir()) else None


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder}: {error.strerror}") from error


def _parts(given: argparse.Namespace, folder: Path | None, formats: tuple[str, ...]) -> Iterator[Part]:
    """What is meant, in the order in which it is brought."""
    from spanledger.ledger.exchange import TABLES  # noqa: PLC0415  as above

    file = Path(given.file)
    named = given.table or (file.stem if folder is None and file.stem in _TABLES else None)
    for table in TABLES:
        if folder is not None and named in (None, table.name):
            yield from (Part(table, str(folder / f"{table.name}.{format_}"), format_) for format_ in formats)
        elif folder is None and table.name == (named or "calls"):
            suffix = file.suffix.removeprefix(".")
            yield Part(table, given.file, given.format or (suffix if suffix in _FORMATS else "jsonl"))


@contextmanager
def _written(name: str) -> Iterator[IO[bytes]]:
    if name == "-":
        yield sys.stdout.buffer
        return
    try:
        with whole(Path(name)) as file:
            yield file
    except OSError as error:
        raise ConfigError(f"{name}: {error.strerror}") from error


@contextmanager
def _read(name: str) -> Iterator[IO[bytes]]:
    if name == "-":
        yield sys.stdin.buffer
        return
    try:
        with Path(name).open("rb") as file:
            yield file
    except OSError as error:
        raise ConfigError(f"{name}: {error.strerror}") from error
