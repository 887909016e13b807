"""Reports as text: rounded for people, exact for machines, and safe whatever a name says."""

from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser

import pytest

from spanledger.report import Column, Period, Report, Table, render

COLUMNS = (
    Column("tenant", "Tenant"),
    Column("calls", "Calls", "count"),
    Column("cost_usd", "Cost", "usd"),
    Column("share", "Share", "share"),
    Column("p95_ms", "p95", "ms"),
    Column("change", "Change", "change"),
)
EVIL = "<script>alert(1)</script>|\n# =cmd"
ROWS = (
    ("acme", 1200, 12_345_678_901, 0.995, 1_200_000_000, None),
    (EVIL, 3, 1_500_000, 0.005, 12_500_000_000, -0.25),
    ("=SUM(A1)", 0, 0, 0.0, None, 0.0),
)
TABLE = Table("by-tenant", "By tenant", COLUMNS, ROWS, chart="cost_usd", note="A note.")
FIGURES = Table("summary", "Summary", COLUMNS[1:3], ((7, 5),), key=False)
REPORT = Report(
    "tenants", "Tenants", Period.of(1_790_000_000, 1_790_086_400, 1_790_086_400), "all calls", (FIGURES, TABLE)
)


def test_csv_is_exact_and_no_name_is_a_formula() -> None:
    head, acme, evil, formula = csv.reader(io.StringIO(render.as_csv(TABLE)))
    assert head == ["tenant", "calls", "cost_usd", "share", "p95_ms", "change"]
    assert acme == ["acme", "1200", "12.345678901", "0.995", "1200.0", ""]
    assert evil == [EVIL, "3", "0.001500000", "0.005", "12500.0", "-0.25"]
    assert formula[0] == "'=SUM(A1)"


def test_json_is_exact() -> None:
    found = json.loads(render.as_json(REPORT))
    assert (found["report"], found["since"], found["until"]) == (
        "tenants", "2026-09-21T14:13:00Z", "2026-09-22T14:14:00Z",
    )  # fmt: skip
    assert found["tables"]["summary"] == [{"calls": 7, "cost_usd": "0.000000005"}]
    assert found["tables"]["by-tenant"][1]["tenant"] == EVIL
    assert found["tables"]["by-tenant"][2]["p95_ms"] is None


def test_markdown_keeps_its_cells_whatever_a_name_says() -> None:
    lines = render.markdown(REPORT).splitlines()
    assert "| acme | 1,200 | $12.35 | 99.5% | 1.2 s | - |" in lines
    evil = next(line for line in lines if "alert" in line)
    assert evil.replace("\\|", "").count("|") == len(COLUMNS) + 1
    assert "<script" not in evil
    assert "A note." in lines


@pytest.mark.parametrize(
    "name", ["![x](https://evil.example/seen.png)", "[pay here](https://evil.example)", "&lt;b&gt;"]
)
def test_a_name_brings_no_link_or_picture_into_markdown(name: str) -> None:
    table = Table("by-tenant", "By tenant", COLUMNS[:2], ((name, 1),))
    text = render.markdown(Report("tenants", "Tenants", REPORT.period, "all calls", (table,)))
    assert not re.search(r"(?<!\\)\[|&lt;", text)


class Parsed(HTMLParser):
    """What a browser makes of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]


def test_the_page_needs_nothing_else_and_runs_nothing() -> None:
    page = render.html(REPORT)
    found = Parsed(page)
    assert "script" not in found.tags
    assert found.links == []
    assert "@import" not in page
    assert "url(" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert found.tags.count("rect") == len(ROWS)
    assert "A note." in page


def test_people_are_told_of_rows_that_they_are_not_shown() -> None:
    many = Table("by-tenant", "By tenant", COLUMNS[:2], tuple((str(n), n) for n in range(60)))
    report = Report("tenants", "Tenants", REPORT.period, "all calls", (many,))
    assert "10 more in the formats csv and json." in render.markdown(report)
    assert "10 more in the formats csv and json." in render.html(report)
    assert len(render.as_csv(many).splitlines()) == 61
