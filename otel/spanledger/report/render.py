"""Reports as files: Markdown, HTML, CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from spanledger.errors import ConfigError
from spanledger.report.cells import exact, shown
from spanledger.report.model import Cell, Column, Report, Table

#: Rows that people are shown of a table; machines get all.
TOP = 50
#: What a name may begin with that a spreadsheet takes for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
#: What Markdown would take for more than text.
_ESCAPED = {"<": "&lt;", "&": "&amp;"} | {one: f"\\{one}" for one in "\\|[]`"}
_TEMPLATES = Path(__file__).with_name("templates")


def pairs(table: Table) -> list[tuple[str, str]]:
    """A table of single figures: titles and values."""
    return [
        (column.title, shown(value, column.meaning)) for column, value in zip(table.columns, table.rows[0], strict=True)
    ]


def lines(table: Table) -> list[list[str]]:
    """The rows of a table for people, no more than anybody reads."""
    return [
        [shown(value, column.meaning) for column, value in zip(table.columns, row, strict=True)]
        for row in table.rows[:TOP]
    ]


def left_out(table: Table) -> str:
    """What to say of the rows that people are not shown; empty where there are none."""
    more = len(table.rows) - TOP
    return f"{more} more in the formats csv and json." if more > 0 else ""


def heading(report: Report) -> str:
    """What the report is about, in a line."""
    return f"{report.period}, {report.about}"


def markdown(report: Report) -> str:
    """For a page or a ticket."""
    parts = [f"# {report.title}", heading(report)]
    for table in report.tables:
        parts += [f"## {table.title}", _markdown(table), table.note, left_out(table)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _markdown(table: Table) -> str:
    if not table.rows:
        return "Nothing in this time."
    if not table.key:
        return _rows(["", ""], [list(pair) for pair in pairs(table)], ["---", "---:"])
    rule = ["---:" if _figure(column) else "---" for column in table.columns]
    return _rows([column.title for column in table.columns], lines(table), rule)


def _rows(head: list[str], rows: list[list[str]], rule: list[str]) -> str:
    return "\n".join("| " + " | ".join(_plain(cell) for cell in row) + " |" for row in (head, rule, *rows))


def _plain(cell: str) -> str:
    """Nothing in a name ends its cell, begins a line, or is taken for HTML, a link or a picture from somewhere else."""
    return " ".join("".join(_ESCAPED.get(one, one) for one in cell).split())


def _figure(column: Column) -> bool:
    return column.meaning not in ("text", "day")


def as_csv(table: Table) -> str:
    """One table, exact. A name that a spreadsheet would take for a formula begins with an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([column.name for column in table.columns])
    for row in table.rows:
        writer.writerow(
            _inert(cell) if column.meaning == "text" else exact(cell, column.meaning)
            for column, cell in zip(table.columns, row, strict=True)
        )
    return out.getvalue()


def _inert(cell: Cell) -> Cell:
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in _FORMULA else cell


def as_json(report: Report) -> str:
    """Everything, exact: money as decimal strings in USD."""
    window = report.period.window
    found: dict[str, Any] = {
        "report": report.kind,
        "since": _time(window.since),
        "until": _time(window.until),
        "about": report.about,
        "tables": {table.name: [_exact(table, record) for record in table.records()] for table in report.tables},
    }
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def _exact(table: Table, record: Mapping[str, Any]) -> dict[str, Any]:
    meanings = {column.name: column.meaning for column in table.columns}
    return {name: exact(value, meanings[name]) for name, value in record.items()}


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a chart: what it is of, its value as text, and its length as a fraction of the longest."""

    name: str
    value: str
    length: float


def bars(table: Table) -> list[Bar]:
    """The chart of a table; empty where it has none, or nothing to draw."""
    at = next((at for at, column in enumerate(table.columns) if column.name == table.chart), None)
    if at is None:
        return []
    key, column, rows = table.columns[0], table.columns[at], table.rows[:TOP]
    values = [float(value) if isinstance(value := row[at], (int, float)) else 0.0 for row in rows]
    longest = max(values, default=0.0)
    if longest <= 0:
        return []
    return [
        Bar(shown(row[0], key.meaning), shown(row[at], column.meaning), max(value, 0.0) / longest)
        for row, value in zip(rows, values, strict=True)
    ]


def html(report: Report) -> str:
    """One page that needs nothing else: it can be sent, printed and read without a network.

    Raises:
        ConfigError: the package that fills in templates is not installed.
    """
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415  only for HTML
    except ImportError as error:
        raise ConfigError(f"HTML needs one more package: pip install 'spanledger[ledger]' ({error})") from error
    templates = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined)
    page = templates.get_template("report.html")
    return page.render(
        report=report, heading=heading(report), bars=bars, pairs=pairs, lines=lines, left_out=left_out, figure=_figure
    )
