"""The books of the demo: its own for as long as it lasts, or those that its parent has."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from demo.books import BUDGETS, DATABASE, STORE, books, dashboard
from demo.problems import DemoError
from spanledger.budget import reading


def test_a_parent_that_says_nothing_gets_books_that_go_with_the_demo() -> None:
    with books({}) as made:
        store = Path(made.added[STORE].removeprefix("sqlite://"))
        assert store.parent.is_dir()
        assert (set(made.added), made.kept, made.temporary) == ({STORE, BUDGETS}, True, True)
    assert not store.parent.exists()


def test_the_budgets_of_the_demo_only_warn() -> None:
    with books({}) as made:
        assert {budget.action for budget in reading.read(made.settings)} == {"warn"}
        assert not any(budget.hard for budget in reading.read(made.settings))


def test_the_books_of_the_parent_are_used_and_stay(tmp_path: Path) -> None:
    own = {STORE: f"sqlite://{tmp_path}/mine.sqlite", DATABASE: f"sqlite://{tmp_path}/calls.sqlite"}

    with books({**own, BUDGETS: "run=1USD"}) as made:
        assert (dict(made.added), made.temporary) == ({}, False)
        with dashboard(made.settings) as url:
            assert httpx2.get(url).status_code == 200
    assert (tmp_path / "calls.sqlite").exists()


def test_a_store_of_the_parent_has_its_ledger_beside_it(tmp_path: Path) -> None:
    with books({STORE: f"sqlite://{tmp_path}/mine.sqlite"}) as made:
        assert (set(made.added), made.temporary) == ({BUDGETS}, False)


def test_a_store_without_a_file_gets_a_ledger_that_goes_with_the_demo() -> None:
    with books({STORE: "memory:"}) as made:
        assert (set(made.added), made.kept, made.temporary) == ({DATABASE, BUDGETS}, True, True)
        assert made.settings.database_url == made.added[DATABASE]


def test_a_ledger_of_the_parent_stays_while_budgets_go(tmp_path: Path) -> None:
    with books({DATABASE: f"sqlite://{tmp_path}/calls.sqlite"}) as made:
        assert (set(made.added), made.temporary) == ({STORE, BUDGETS}, False)


def test_a_parent_may_want_no_ledger() -> None:
    with books({DATABASE: "off"}) as made:
        assert not made.kept


@pytest.mark.parametrize(
    ("variable", "value", "way_out"),
    [
        (STORE, "floppy:a", "give auto, memory:, sqlite:///absolute/path"),
        (DATABASE, "mysql://host/x", "give sqlite:///absolute/path.sqlite or postgresql://"),
        (BUDGETS, "tenant/day=much", "write it such as 5USD"),
        ("SPANLEDGER_TRUST", "everybody", "must be one of off, baggage, headers"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_with_a_way_out(variable: str, value: str, way_out: str) -> None:
    with pytest.raises(DemoError) as caught, books({variable: value}):
        pass
    assert way_out in str(caught.value)


def test_a_ledger_that_cannot_be_opened_is_named_with_its_variable(tmp_path: Path) -> None:
    (tmp_path / "calls.sqlite").mkdir()

    with books({DATABASE: f"sqlite://{tmp_path}/calls.sqlite"}) as made:  # noqa: SIM117 - what raises is the inner one
        with pytest.raises(DemoError) as caught, dashboard(made.settings):
            pass
    assert str(caught.value).startswith("SPANLEDGER_DATABASE_URL: the ledger cannot be used: ")
