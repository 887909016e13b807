"""`spanledger budgets` and `spanledger reconcile`: what an operator sees, and may do."""

import json
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spanledger.bound import Bound
from spanledger.budget import inline
from spanledger.budget.described import described
from spanledger.budget.register import Place, counters
from spanledger.budget.sqlite import SqliteStore
from spanledger.budget.store import Claim, Counter
from spanledger.cli import main
from spanledger.config import Settings
from spanledger.guard import Asked
from spanledger.pipeline import budgeting
from spanledger.pricing import PriceBook
from spanledger.scope import Scope
from spanledger.usage import Usage

BUDGETS = "run=5USD;tenant=200tokens;global=1USD"
Json = Callable[..., Any]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SqliteStore:
    """A file of books, named by the environment; one call of run r-1 has settled, another is under way."""
    path = tmp_path / "books.sqlite"
    monkeypatch.setenv("SPANLEDGER_STORE", f"sqlite://{path}")
    monkeypatch.setenv("SPANLEDGER_BUDGETS", BUDGETS)
    made = SqliteStore(path)
    places = [
        Place(budget, counters(budget, value, "r-1", made.now())[0])
        for budget, value in zip(inline.parse(BUDGETS), ("r-1", "acme", ""), strict=True)
    ]
    for hold in ("first", "second"):
        claims = [place.claim(amount) for place, amount in zip(places, (2_500_000_000, 90, 400_000_000), strict=True)]
        assert made.reserve(hold, claims, 600) is None
        if hold == "first":
            made.settle(hold, claims, (2_000_000_001, 60, 250_000_000))
    return made


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Json:
    """What a command prints, as JSON."""

    def run(*argv: str) -> Any:
        assert main([*argv, "--format", "json"]) == 0
        return json.loads(capsys.readouterr().out)

    return run


def test_the_table_shows_nothing_as_0_that_is_not_0(store: SqliteStore, capsys: pytest.CaptureFixture[str]) -> None:
    for run, spent in (("r-2", 360), ("r-3", 5_500_000_000)):
        store.settle(run, [Claim(Counter("run/run", run, run), 0)], [spent])
    assert main(["budgets"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [row[3:7] for row in rows if row[1] in ("r-2", "r-3")] == [
        ["$5.00", "$0.00000036", "$0.00", "$5.00"],
        ["$5.00", "$5.50", "$0.00", "-$0.50"],
    ]


def test_every_budget_is_listed_with_exact_amounts(store: SqliteStore, told: Json) -> None:
    run, tenant, everything = told("budgets")
    assert run == {
        "name": "run/run",
        "scope_value": "r-1",
        "window": "r-1",
        "unit": "USD",
        "limit": "5.000000000",
        "spent": "2.000000001",
        "held": "2.500000000",
        "remaining": "0.499999999",
        "refused": 0,
        "halted": False,
        "projected": None,
    }
    assert (tenant["scope_value"], tenant["spent"], tenant["held"], tenant["remaining"]) == ("acme", 60, 90, 50)
    assert (everything["scope_value"], everything["remaining"]) == ("", "0.350000000")


def test_a_global_budget_is_there_before_its_first_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: Json
) -> None:
    monkeypatch.setenv("SPANLEDGER_STORE", f"sqlite://{tmp_path}/new.sqlite")
    monkeypatch.setenv("SPANLEDGER_BUDGETS", "global=1USD;run=1USD")
    (only,) = told("budgets")
    assert (only["name"], only["scope_value"], only["spent"], only["remaining"]) == (
        "global/total",
        "",
        "0.000000000",
        "1.000000000",
    )


def test_who_asks_for_nothing_gets_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert main(["budgets"]) == 0
    assert "no budgets" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_a_limit_is_raised_by_the_id_of_a_run_and_set_back(
    store: SqliteStore, told: Json, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["budgets", "raise", "r-1", "--to", "8", "--reason", "a customer waits"]) == 0
    capsys.readouterr()
    assert told("budgets")[0]["limit"] == "8.000000000"
    assert main(["budgets", "reset", "run/run"]) == 0
    capsys.readouterr()
    assert told("budgets")[0]["limit"] == "5.000000000"
    history = told("budgets", "show", "r-1")["history"]
    assert [(entry["action"], entry["amount"], entry["reason"]) for entry in history] == [
        ("raise", "8.000000000", "a customer waits"),
        ("reset", None, ""),
    ]


def test_a_limit_raised_in_a_rolling_window_stays_raised_as_the_window_moves_until_it_is_reset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: Json, capsys: pytest.CaptureFixture[str]
) -> None:
    moved = SqliteStore(tmp_path / "books.sqlite", clock=lambda: time.time() - 120)
    (budget,) = inline.parse("global/rolling_hour=1USD")
    earlier = counters(budget, "", "", moved.now())[0]
    moved.raise_limit(earlier, 9_000_000_000, reason="a busy hour", who="ann")
    moved.close()
    monkeypatch.setenv("SPANLEDGER_STORE", f"sqlite://{tmp_path}/books.sqlite")
    monkeypatch.setenv("SPANLEDGER_BUDGETS", "global/rolling_hour=1USD")
    assert told("budgets")[0]["limit"] == "9.000000000"
    assert [entry["reason"] for entry in told("budgets", "show", "global/rolling_hour")["history"]] == ["a busy hour"]
    assert main(["budgets", "reset", "global/rolling_hour"]) == 0
    assert "$1.00" in capsys.readouterr().out
    assert told("budgets")[0]["limit"] == "1.000000000"


def test_what_was_spent_is_corrected_with_a_reason(
    store: SqliteStore, told: Json, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["budgets", "adjust", "global/total", "--by", "-0.05", "--reason", "credited"]) == 0
    capsys.readouterr()
    assert told("budgets")[2]["spent"] == "0.200000000"


def test_holds_are_listed_with_their_owners(store: SqliteStore, told: Json) -> None:
    found = told("budgets", "holds")
    assert [(hold["budget"], hold["amount"], hold["state"]) for hold in found] == [
        ("run/run", "2.500000000", "open"),
        ("tenant/total", "90", "open"),
        ("global/total", "0.400000000", "open"),
    ]


def test_the_table_shows_money_as_people_read_it(store: SqliteStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["budgets"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == [
        "budget", "whose", "window", "limit", "spent", "held", "remaining", "at", "the", "end", "refused"
    ]  # fmt: skip
    assert "$2.00" in lines[1]
    assert "60 tokens" in lines[2]


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["raise", "nobody", "--to", "8"], "neither a budget nor a scope value with entries; budgets: global/total"),
        (["raise", "r-1", "--to", "much"], "'much' is no amount"),
        (["raise", "r-1", "--to", "8tokens"], "is in tokens, the budget counts USD"),
        (["raise", "r-1", "--to", "-8"], "a limit cannot be below 0"),
        (["raise", "r-1", "--to", "nan"], "'nan' is no amount"),
        (["raise", "acme", "--to", "1.5"], "is no whole number of tokens"),
        (["check", "nowhere.yaml"], "nowhere.yaml: cannot be read"),
    ],
)
def test_a_mistake_is_named_and_ends_with_2(
    store: SqliteStore, argv: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["budgets", *argv]) == 2
    assert words in capsys.readouterr().err


def test_a_file_of_budgets_is_checked_and_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "budgets.yaml"
    path.write_text("budgets:\n  - {scope: tenant, window: day, limit: 10USD, action: pause}\n  - {limit: 50calls}\n")
    assert main(["budgets", "check", str(path)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "tenant/day: each tenant, day, $10.00, pause",
        "global/total: everything together, total, 50 calls, halt",
    ]


def test_books_that_agree_are_reconciled(store: SqliteStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reconcile"]) == 0
    assert capsys.readouterr().out == "3 counters agree with their journal\n"


def test_a_counter_that_was_tampered_with_is_a_gap(
    store: SqliteStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store.close()
    with sqlite3.connect(tmp_path / "books.sqlite") as connection:
        changed = connection.execute("UPDATE counters SET committed = committed - 7 WHERE committed > 1000000000")
        assert changed.rowcount == 1
    assert main(["reconcile", "--format", "json"]) == 1
    assert json.loads(capsys.readouterr().out)["gaps"] == [
        {
            "budget": "run/run",
            "scope_value": "r-1",
            "window": "r-1",
            "figure": "committed",
            "counted": "1.999999994",
            "journal": "2.000000001",
        }
    ]


def test_books_that_cannot_be_read_leave_the_question_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "books.sqlite"
    path.write_text("this is no database, and long enough to be seen as none" * 100)
    monkeypatch.setenv("SPANLEDGER_STORE", f"sqlite://{path}")
    assert main(["reconcile"]) == 2
    assert "the store cannot be read" in capsys.readouterr().err


def test_another_terminal_sees_the_budgets_of_the_app_without_being_told_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: Json
) -> None:
    file = tmp_path / "budgets.yaml"
    file.write_text(
        "budgets:\n  - {name: big, scope: [tenant, stage], only: {service: shop}, window: month, timezone: Asia/Tokyo,"
        " limit: 10USD, warn: 80%}\n  - {limit: 3USD}\n"
    )
    url = f"sqlite://{tmp_path}/books.sqlite"
    made = budgeting.guard(Settings(budgets=str(file), store=url), PriceBook())
    assert made is not None
    ticket = made.ticket(Asked("openai", "gpt-4o-mini", Scope(run="r-1")))
    assert ticket is not None
    list(ticket.admit(Bound(10, 10)))
    ticket.settle(Usage(input=1, output=1), 750)
    made.close()
    assert described(SqliteStore(tmp_path / "books.sqlite")) == made.register.budgets
    monkeypatch.setenv("SPANLEDGER_STORE", url)
    monkeypatch.delenv("SPANLEDGER_BUDGETS", raising=False)
    (only,) = told("budgets")
    assert (only["name"], only["limit"]) == ("global/total", "3.000000000")


@pytest.mark.parametrize("argv", [["holds"], ["show", "global/total"], ["raise", "global/total", "--to", "2"]])
def test_a_store_that_cannot_be_used_is_told_in_one_sentence(
    store: SqliteStore, tmp_path: Path, capsys: pytest.CaptureFixture[str], argv: list[str]
) -> None:
    store.close()
    (tmp_path / "books.sqlite").write_text("no database, but long enough to be taken for one " * 99)
    assert main(["budgets", *argv]) == 2
    (told,) = capsys.readouterr().err.splitlines()
    assert "it is no database; move it away" in told


def test_the_name_of_a_budget_is_not_taken_for_a_window(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "budgets.yaml"
    path.write_text("budgets:\n  - {name: total, limit: 1USD}\n  - {name: other, limit: 1USD}\n")
    monkeypatch.setenv("SPANLEDGER_BUDGETS", str(path))
    assert main(["budgets", "raise", "total", "--to", "8"]) == 0
    assert "$8.00" in capsys.readouterr().out


def test_who_may_mean_several_counters_is_told_how_to_choose(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SPANLEDGER_BUDGETS", "global=1USD;global/day=1USD")
    assert main(["budgets", "raise", "", "--to", "8"]) == 2
    assert "global/day --scope-value '', global/total --scope-value ''" in capsys.readouterr().err


def test_an_amount_that_no_store_takes_is_told(store: SqliteStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["budgets", "raise", "global/total", "--to", "9" * 30]) == 2
    assert capsys.readouterr().err.startswith("spanledger budgets: the store cannot be used")
