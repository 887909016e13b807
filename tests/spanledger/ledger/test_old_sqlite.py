"""An SQLite before 3.32, which takes 999 values in a statement, answers whatever a page may ask for."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event
from tests.support.entries import BEGIN, NANO

from spanledger.ledger import Charge, Entry, database
from spanledger.ledger.exchange import rows
from spanledger.ledger.migrate import migrate
from spanledger.ledger.questions import runs, tenants
from spanledger.ledger.questions.filters import Filter, Window
from spanledger.ledger.questions.listing import PAGE
from spanledger.ledger.sums.closing import close_all
from spanledger.ledger.writes import write

WHOLE = Window(BEGIN // NANO - 86_400, BEGIN // NANO + 86_400)


def _old(connection: Any, _record: object) -> None:
    connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 999)


@pytest.fixture
def full(tmp_path: Path) -> Engine:
    """As many calls as a page and one, each of a tenant and a run of its own."""
    made = database.engine(f"sqlite://{tmp_path}/calls.sqlite")
    event.listen(made, "connect", _old)
    migrate(made)
    one = Entry("", BEGIN, BEGIN + 1, "chat", "openai", stage="plan", user="ann", cost=1)
    of = [
        one._replace(id=f"{n}", tenant=f"t-{n}", run=f"r-{n}", charges=(Charge("run", f"r-{n}", "run", "USD", 1),))
        for n in range(PAGE + 1)
    ]
    write(made, of)
    close_all(made, BEGIN / NANO + 3600)
    write(
        made,
        [call._replace(id=f"late-{call.id}", started=BEGIN + 7200 * NANO, ended=BEGIN + 7200 * NANO) for call in of],
    )
    return made


@pytest.mark.parametrize("only", [Filter(), Filter(stage="plan"), Filter(user="ann")])
def test_a_page_has_as_many_tenants_as_it_may(full: Engine, only: Filter) -> None:
    with database.reading(full) as connection:
        found = tenants.page(connection, WHOLE, only, limit=PAGE)
    assert [tenant.operations for tenant in found.tenants] == [{"chat": 2}] * PAGE


def test_a_page_has_as_many_runs_as_it_may(full: Engine) -> None:
    with database.reading(full) as connection:
        found = runs.page(connection, WHOLE, limit=PAGE)
    assert [run.calls for run in found.runs] == [2] * PAGE


def test_calls_are_taken_along_with_their_charges(full: Engine) -> None:
    with database.reading(full) as connection:
        found = rows.entries(connection, WHOLE.since * NANO, WHOLE.until * NANO)
        assert sum(len(entry.charges) for entry in found) == 2 * (PAGE + 1)
