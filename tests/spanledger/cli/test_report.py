"""`spanledger report`: printed, written to files, and clear about what it cannot do."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from spanledger.cli import main
from spanledger.ledger import Entry, database
from spanledger.ledger.migrate import migrate
from spanledger.ledger.writes import write
from spanledger.usage import Usage

NANO = 1_000_000_000
Told = Callable[..., tuple[int, str, str]]


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Told:
    """The command with a ledger in which acme made two calls today, and somebody one ten days ago."""
    url = f"sqlite://{tmp_path}/calls.sqlite"
    monkeypatch.setenv("SPANLEDGER_STORE", f"sqlite://{tmp_path}/books.sqlite")
    monkeypatch.setenv("SPANLEDGER_DATABASE_URL", url)
    engine = database.engine(url)
    migrate(engine)
    now = time.time_ns() - 60 * NANO
    paid = {"cost": 1_500_000, "cost_source": "local", "price_status": "priced", "request_model": "gpt-4o-mini"}
    made = [
        Entry(str(n), at, at + NANO, "chat", "openai", tenant=tenant, stage="plan", usage=Usage(10, 5), **paid)  # type: ignore[arg-type]
        for n, (at, tenant) in enumerate([(now, "acme"), (now, "acme"), (now - 10 * 86_400 * NANO, None)])
    ]
    write(engine, made)

    def run(*command: str) -> tuple[int, str, str]:
        code = main(["report", *command])
        return code, *capsys.readouterr()

    return run


def test_the_last_seven_days_are_reported_as_tables_of_text(told: Told) -> None:
    code, out, _ = told()
    assert code == 0
    assert "  Cost  " in out
    assert "$0.003" in out
    assert "At this rate this month" in out
    assert next(line for line in out.splitlines() if line.startswith("acme")).split()[1] == "2"
    assert told("--days", "30")[1].count("$0.0045") > 0


def test_a_bill_comes_as_csv_and_the_other_tables_are_named(told: Told) -> None:
    code, out, error = told("tenants", "--format", "csv")
    [line] = csv.DictReader(io.StringIO(out))
    assert (code, line["tenant"], line["model"], line["cost_usd"]) == (0, "acme", "gpt-4o-mini", "0.003000000")
    assert error == "1 more tables (tenants-by-tenant.csv): give --output DIR\n"


def test_files_are_written_where_they_are_wanted(told: Told, tmp_path: Path) -> None:
    folder = tmp_path / "out" / "reports"
    for form in ("table", "md", "html", "csv", "json"):
        assert told("all", "--format", form, "--output", str(folder))[:2] == (0, "")
    names = {path.name for path in folder.iterdir()}
    assert {"all.txt", "all.md", "all.html", "all.json", "all-bill.csv", "all-by-model.csv", "all-scores.csv"} <= names
    assert json.loads((folder / "all.json").read_text())["tables"]["summary"][0]["cost_usd"] == "0.003000000"


def test_calls_are_chosen_by_what_they_say(told: Told) -> None:
    def cost(*more: str, days: tuple[str, ...] = ("--days", "30")) -> str:
        found: str = json.loads(told(*days, "--format", "json", *more)[1])["tables"]["summary"][0]["cost_usd"]
        return found

    assert cost("--tenant", "acme") == "0.003000000"
    assert cost("--tenant", "") == "0.001500000"
    assert cost("--tenant", "nobody") == "0.000000000"
    assert cost("--since", "2d", days=()) == "0.003000000"


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (["--since", "2026-01-02", "--until", "2026-01-01"], "--since must be before --until"),
        (["--since", "7d", "--days", "7"], "not both"),
        (["--since", "soon"], "'soon' is no time"),
        (["--since", "99999999999d"], "is no time"),
        (["--since", "²d"], "is no time"),
        (["--until", "99999999999999999999"], "is no time"),
        (["--output", "/dev/null/reports"], "--output /dev/null/reports"),
    ],
)
def test_what_cannot_be_done_is_said_with_the_way_out(told: Told, command: list[str], reason: str) -> None:
    code, out, error = told(*command)
    assert (code, out) == (2, "")
    assert reason in error


def test_a_number_of_days_that_is_none_is_refused(told: Told, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        told("--days", "-1")
    assert "is no number of days" in capsys.readouterr().err
