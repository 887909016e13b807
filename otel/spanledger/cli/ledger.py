"""`spanledger ledger`: the call ledger's tables, and its rows to take along."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from spanledger import config
from spanledger.errors import ConfigError
from spanledger.ledger import opening
from spanledger.ledger.outbox import stranded
from spanledger.money import NANO

if TYPE_CHECKING:
    from sqlalchemy import Engine

#: Seconds since the epoch from which on no time is meant: the year 2200.
_ERA = 7_258_118_400
_FORMATS = ("jsonl", "csv", "parquet")
#: Entries that are brought in at a time.
_BATCH = 2000


def add(commands: Any) -> None:
    """Declare the command and what it can do."""
    own = commands.add_parser("ledger", help="look after the call ledger, and take its rows along")
    actions = own.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("migrate", help="bring the tables to this version").set_defaults(do=_migrate)
    actions.add_parser("vacuum", help="forget what is too old, and give its room back").set_defaults(do=_vacuum)
    out = actions.add_parser("export", help="write the calls of a span of time to a file")
    out.add_argument("--since", default="0", metavar="WHEN", help="2026-11-01, 2026-11-01T12:00, or 7d ago")
    out.add_argument("--until", default=None, metavar="WHEN", help="the first moment that is left out; default now")
    out.set_defaults(do=_export)
    into = actions.add_parser("import", help="take calls from such a file; those that are there count once")
    into.set_defaults(do=_import)
    for action in (out, into):
        action.add_argument("file", nargs="?", default="-", help="- is standard output or input")
        action.add_argument("--format", choices=_FORMATS, help="default: by the file's name, else jsonl")


def engine(*, existing: bool = True) -> Engine:
    """The ledger of the settings, with what dead processes left for it.

    Raises:
        ConfigError: none is kept, or it cannot be used.
    """
    url = opening.url_of(config.strict(), budgeted=True)
    if url is None:
        raise ConfigError("no ledger is kept with this store: set SPANLEDGER_DATABASE_URL")
    if not existing:
        return _engine(url)
    if (made := recovered(url)) is None:
        raise ConfigError(f"SPANLEDGER_DATABASE_URL: there is no ledger at {opening.file_of(url)} yet")
    return made


def recovered(url: str) -> Engine | None:
    """The ledger at a URL, with what dead processes left for it; None where there is none yet.

    A program that was over before its ledger was made has left its calls in the outbox: they make it now.

    Raises:
        ConfigError: there is one, and it cannot be used.
    """
    file = opening.file_of(url)
    if file is not None and not file.exists() and not any(stranded(opening.outbox_of(url))):
        return None
    made = _engine(url)
    with told():
        opening.recorder_of(url, config.strict()).recover_now()
    return made if file is None or file.exists() else None


def _engine(url: str) -> Engine:
    try:
        from spanledger.ledger import database  # noqa: PLC0415  imports much
    except ImportError as error:
        raise ConfigError(f"a ledger needs more packages: pip install 'spanledger[ledger]' ({error})") from error
    return database.engine(url)


@contextmanager
def told() -> Iterator[None]:
    """What a database says becomes what the user is told."""
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415  as above

    try:
        yield
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", error)).partition("\n")[0]
        raise ConfigError(f"SPANLEDGER_DATABASE_URL: the ledger cannot be used: {reason}") from error


def moment(text: str) -> int:
    """A date, a time or `7d` ago, as nanoseconds since the epoch; UTC unless it says otherwise.

    Raises:
        ConfigError: it is none of these, or no time of this era.
    """
    try:
        at = _seconds(text)
    except (ValueError, OverflowError):
        at = -1
    if not 0 <= at < _ERA:
        raise ConfigError(f"{text!r} is no time; write 2026-11-01, 2026-11-01T12:00 or 7d")
    return at * NANO


def _seconds(text: str) -> int:
    if text.endswith("d") and text[:-1].isdecimal():
        return int(time.time() - 86_400 * int(text[:-1]))
    if text.isdecimal() and len(text) != 8:
        return int(text)
    at = datetime.fromisoformat(text)
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())


def _migrate(_given: argparse.Namespace) -> int:
    made = engine(existing=False)
    from spanledger.ledger.migrate import HEAD, migrate  # noqa: PLC0415  as above

    with told():
        new = migrate(made)
    print(f"the ledger's tables are {'now' if new else 'already'} of version {HEAD}")
    return 0


def _vacuum(_given: argparse.Namespace) -> int:
    made = engine()
    from sqlalchemy import text  # noqa: PLC0415  as above

    from spanledger.ledger.retention import Keep, prune  # noqa: PLC0415  as above

    with told():
        gone = prune(made, Keep.of(dict(config.strict().retention or ())), time.time())
        with made.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM"))
            connection.execute(text("ANALYZE"))
    print(f"{gone} rows were too old; their room is free")
    return 0


def _export(given: argparse.Namespace) -> int:
    made = engine()
    from spanledger.ledger import exchange  # noqa: PLC0415  as above

    since = moment(given.since)
    until = moment(given.until) if given.until else time.time_ns()
    with told(), made.connect().execution_options(reads=True) as connection, _file(given.file, "wb") as out:
        count = exchange.save(exchange.entries(connection, since, until), out, _format(given))
    print(f"{count} calls written", file=sys.stderr)
    return 0


def _import(given: argparse.Namespace) -> int:
    made = engine(existing=False)
    from spanledger.ledger import exchange, migrate  # noqa: PLC0415  as above
    from spanledger.ledger.writes import write  # noqa: PLC0415  as above

    count = new = 0
    with told(), _file(given.file, "rb") as file:
        migrate.ready(made)
        for batch in exchange.batches(exchange.load(file, _format(given)), _BATCH):
            count += len(batch)
            try:
                new += write(made, batch)
            except (ValueError, TypeError, OverflowError) as error:
                raise ConfigError(f"{given.file}: a database cannot take what stands there: {error}") from error
    print(f"{count} calls read, {new} of them new", file=sys.stderr)
    return 0


def _format(given: argparse.Namespace) -> Any:
    suffix = Path(given.file).suffix.removeprefix(".")
    return given.format or (suffix if suffix in _FORMATS else "jsonl")


@contextmanager
def _file(name: str, mode: str) -> Iterator[IO[bytes]]:
    if name == "-":
        yield sys.stdout.buffer if mode == "wb" else sys.stdin.buffer
        return
    try:
        with Path(name).open(mode) as file:
            yield file
    except OSError as error:
        raise ConfigError(f"{name}: {error.strerror}") from error
