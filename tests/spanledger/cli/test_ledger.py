"""`spanledger ledger`, `spanledger reprice`, and `spanledger reconcile` with a ledger."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spanledger import config
from spanledger.budget.sqlite import SqliteStore
from spanledger.budget.store import Claim, Counter
from spanledger.cli import main
from spanledger.ledger import Charge, Entry, database, opening
from spanledger.ledger.entry import Maker
from spanledger.ledger.migrate import migrate
from spanledger.ledger.writes import write
from spanledger.usage import Usage

NANO = 1_000_000_000
AT = 1_790_000_000 * NANO
GLOBAL = Counter("global/total", "", "total")
Told = Callable[..., tuple[int, str]]


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Told:
    def run(*command: str) -> tuple[int, str]:
        code = main(command)
        out, error = capsys.readouterr()
        return code, out + error

    return run


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A budget of which 27,000 nano-USD were spent, by a call that the ledger has beside its file."""
    monkeypatch.setenv("SPANLEDGER_STORE", f"sqlite://{tmp_path}/books.sqlite")
    monkeypatch.setenv("SPANLEDGER_BUDGETS", "global=1USD")
    store, claims = SqliteStore(tmp_path / "books.sqlite"), [Claim(GLOBAL, 50_000)]
    assert store.reserve("hold", claims, 60) is None
    store.settle("hold", claims, (27_000,))
    store.close()
    url = f"sqlite://{tmp_path}/calls.sqlite"
    made = database.engine(url)
    migrate(made)
    write(made, [call("first", charges=(Charge(*GLOBAL, 27_000),))])
    return url


def call(id_: str, **facts: Any) -> Entry:
    entry = Entry(
        id_, AT, AT + NANO, "chat", "openai", request_model="gpt-4o-mini", usage=Usage(100, 20),
        cost=27_000, cost_source="local", price_status="priced",
    )  # fmt: skip
    return entry._replace(**facts)


def test_books_that_agree_with_the_ledger_are_said_to(url: str, told: Told) -> None:
    assert told("reconcile") == (0, "1 counters agree with their journal and the ledger\n")


def test_calls_of_a_program_that_was_over_before_its_ledger_was_made_are_read_from_its_outbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: Told
) -> None:
    url = f"sqlite://{tmp_path}/calls.sqlite"
    monkeypatch.setenv("SPANLEDGER_DATABASE_URL", url)
    assert told("ledger", "export", str(tmp_path / "calls.csv"))[0] == 2
    outbox = opening.outbox_of(url)
    outbox.mkdir()
    (outbox / "7-left.jsonl").write_bytes(call("first").line(Maker("shop")))
    assert told("ledger", "export", str(tmp_path / "calls.csv")) == (0, "1 calls written\n")
    assert not list(outbox.iterdir())


def test_a_gap_between_budget_and_ledger_is_named(url: str, told: Told) -> None:
    write(database.engine(url), [call("second", charges=(Charge(*GLOBAL, 3_000),))])
    code, out = told("reconcile", "--format", "json")
    assert code == 1
    assert json.loads(out)["gaps"] == [
        {
            "budget": "global/total",
            "scope_value": "",
            "window": "total",
            "figure": "ledger",
            "counted": "0.000027000",
            "journal": "0.000030000",
        }
    ]


def test_what_a_dead_process_left_is_brought_in_before_books_are_compared(url: str, told: Told) -> None:
    outbox = opening.outbox_of(url)
    outbox.mkdir()
    (outbox / "1-dead.jsonl").write_bytes(call("second", charges=(Charge(*GLOBAL, 3_000),)).line())
    assert told("reconcile")[0] == 1
    assert list(outbox.iterdir()) == []


@pytest.mark.parametrize("format_", ["jsonl", "csv", "parquet"])
def test_calls_are_taken_from_one_ledger_into_another(
    url: str, told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format_: str
) -> None:
    file = str(tmp_path / f"calls.{format_}")
    assert told("ledger", "export", file) == (0, "1 calls written\n")
    monkeypatch.setenv("SPANLEDGER_DATABASE_URL", f"sqlite://{tmp_path}/other.sqlite")
    assert told("ledger", "import", file) == (0, "1 calls read, 1 of them new\n")
    assert told("ledger", "import", file) == (0, "1 calls read, 0 of them new\n")
    assert told("reconcile")[0] == 0


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a.jsonl", "[1]"),
        ("a.jsonl", '{"id": "a", "started": "x", "ended": 1, "operation": "chat", "provider": "openai"}'),
        ("a.jsonl", f'{{"id": "a", "started": {2**70}, "ended": 1, "operation": "chat", "provider": "openai"}}'),
        ("a.csv", "id,started\na\rb,1"),
        ("a.parquet", "PAR1"),
    ],
    ids=["no object", "no number", "huge number", "broken csv", "broken parquet"],
)
def test_a_file_that_is_no_export_is_told_in_a_sentence(
    url: str, told: Told, tmp_path: Path, name: str, said: str
) -> None:
    (tmp_path / name).write_text(said)
    code, out = told("ledger", "import", str(tmp_path / name))
    assert (code, out.startswith("spanledger ledger: ")) == (2, True)


def test_a_span_of_time_is_taken(url: str, told: Told, tmp_path: Path) -> None:
    file = str(tmp_path / "calls.jsonl")
    assert told("ledger", "export", "--until", "2026-01-01", file) == (0, "0 calls written\n")
    assert told("ledger", "export", "--since", "soon", file)[0] == 2


def test_corrected_prices_are_shown_and_then_written(url: str, told: Told, tmp_path: Path) -> None:
    prices = tmp_path / "prices.yaml"
    prices.write_text("prices: [{provider: openai, model: gpt-4o-mini, input: 1.00, output: 2.00}]")
    code, out = told("reprice", "--since", "2026-01-01", "--prices", str(prices), "--format", "json")
    [change] = json.loads(out)["changes"]
    assert (code, change["calls"], change["before"], change["after"]) == (0, 1, "0.000027000", "0.000140000")
    assert "nothing was written" in told("reprice", "--since", "2026-01-01", "--prices", str(prices))[1]
    assert "\nwritten\n" in told("reprice", "--since", "2026-01-01", "--prices", str(prices), "--write")[1]
    assert told("reprice", "--since", "2026-01-01", "--prices", str(prices)) == (
        0,
        "no call in the ledger would cost anything else\n",
    )


def test_migrate_and_vacuum_say_what_they_did(url: str, told: Told) -> None:
    assert told("ledger", "migrate") == (0, "the ledger's tables are already of version 0001\n")
    assert told("ledger", "vacuum") == (0, "0 rows were too old; their room is free\n")


def test_where_no_ledger_is_kept_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch, told: Told) -> None:
    monkeypatch.setenv("SPANLEDGER_STORE", "memory:")
    code, out = told("ledger", "export")
    assert (code, "SPANLEDGER_DATABASE_URL" in out) == (2, True)


def test_how_long_things_are_kept_is_a_setting() -> None:
    assert config.read({"SPANLEDGER_RETENTION": "calls=90, days=forever"}).retention == (("calls", 90), ("days", None))
    [problem] = config.read({"SPANLEDGER_RETENTION": "calls=soon"}).problems
    assert "must be days of calls" in problem
