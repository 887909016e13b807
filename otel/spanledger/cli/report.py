"""`spanledger report`: what a span of time cost, how it went, and who is to be billed."""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import ExitStack
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spanledger.cli.opening import engine, moment, told
from spanledger.cli.table import table as laid_out
from spanledger.cli.whole import whole
from spanledger.errors import ConfigError
from spanledger.money import NANO

if TYPE_CHECKING:
    from spanledger.report import Period, Report, Table

_DAY = 86_400
_MOST_USERS = 1000
_KINDS = ("cost", "quality", "tenants", "models", "all")
_SUFFIXES = {"table": "txt", "md": "md", "html": "html", "csv": "csv", "json": "json"}
_FILTERS = ("tenant", "user", "service", "environment", "stage", "operation", "provider", "model", "status")


def add(commands: Any) -> None:
    """Declare the command."""
    own = commands.add_parser("report", help="say what a span of time cost, how it went, and who is to be billed")
    own.add_argument("kind", nargs="?", choices=_KINDS, default="cost")
    own.add_argument("--days", type=_days, default=None, metavar="N", help="the last N days (7)")
    own.add_argument(
        "--since", default=None, metavar="WHEN", help="instead of --days: 2026-11-01, 2026-11-01T12:00, 7d"
    )
    own.add_argument("--until", default=None, metavar="WHEN", help="the first moment that is left out; default now")
    own.add_argument("--format", choices=tuple(_SUFFIXES), default="table")
    own.add_argument(
        "--output", type=Path, default=None, metavar="DIR", help="write files there; csv: one for each table"
    )
    own.add_argument(
        "--users", type=_users, default=20, metavar="N", help="how many are listed by name (20); 0 is none"
    )
    for name in _FILTERS:
        own.add_argument(f"--{name}", default=None, metavar="NAME", help=f"only calls of this {name}; '' is of none")
    own.set_defaults(do=do)


def do(given: argparse.Namespace) -> int:
    """Make the report, and print or write it."""
    made = engine()
    from spanledger.ledger.database import reading  # noqa: PLC0415  imports much
    from spanledger.ledger.questions.filters import Filter  # noqa: PLC0415  as above
    from spanledger.report import made as report_of  # noqa: PLC0415  as above

    only = Filter(**{field.name: getattr(given, field.name) for field in fields(Filter)})
    with told(), reading(made) as connection:
        report = report_of(connection, given.kind, _period(given), only, given.users)
    files = _files(report, given.format)
    if given.output is not None:
        _write(given.output, files)
        return 0
    first, *more = files
    sys.stdout.write(files[first])
    if more:
        print(f"{len(more)} more tables ({', '.join(more)}): give --output DIR", file=sys.stderr)
    return 0


def _days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        days = 0.0
    if not 0 < days <= 3660:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of days; give one such as 7")
    return days


def _users(text: str) -> int:
    if not text.isdecimal() or int(text) > _MOST_USERS:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of users from 0 to {_MOST_USERS}")
    return int(text)


def _period(given: argparse.Namespace) -> Period:
    from spanledger.report import Period  # noqa: PLC0415  as above

    now = time.time()
    if given.since is not None and given.days is not None:
        raise ConfigError("give --days or --since, not both")
    until = moment(given.until) / NANO if given.until else now
    since = moment(given.since) / NANO if given.since else until - (given.days or 7) * _DAY
    if since >= until:
        raise ConfigError("the span of time is empty: --since must be before --until")
    return Period.of(since, until, now)


def _files(report: Report, form: str) -> dict[str, str]:
    """Contents by the names of their files."""
    from spanledger.report import render  # noqa: PLC0415  as above

    if form == "csv":
        return {f"{report.kind}-{table.name}.csv": render.as_csv(table) for table in report.tables}
    make = {"table": _text, "md": render.markdown, "html": render.html, "json": render.as_json}[form]
    return {f"{report.kind}.{_SUFFIXES[form]}": make(report)}


def _write(folder: Path, files: dict[str, str]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as written:
            for name, content in files.items():
                written.enter_context(whole(folder / name)).write(content.encode())
    except OSError as error:
        raise ConfigError(f"--output {folder}: {error.strerror}") from error
    for name in files:
        print(folder / name, file=sys.stderr)


def _text(report: Report) -> str:
    from spanledger.report.render import heading, left_out  # noqa: PLC0415  as above

    tables = ((one.title, _rows(one), one.note, left_out(one)) for one in report.tables)
    parts = ("\n".join(line for line in lines if line) for lines in tables)
    return "\n\n".join((f"{report.title}: {heading(report)}", *parts)) + "\n"


def _rows(one: Table) -> str:
    from spanledger.report.render import lines, pairs  # noqa: PLC0415  as above

    if not one.rows:
        return "  nothing in this time"
    if not one.key:
        width = max(len(title) for title, _ in pairs(one))
        return "\n".join(f"  {title:<{width}}  {value:>14}" for title, value in pairs(one))
    texts = sum(column.meaning in ("text", "day") for column in one.columns)
    heads = [column.title for column in one.columns]
    return laid_out(heads, lines(one), right=len(heads) - texts - 1)
