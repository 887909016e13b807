"""The statements that read sums."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, event
from tests.support import ledger_oracle as oracle
from tests.support.entries import BEGIN, DAYS, NANO, entries

from spanledger.ledger import database
from spanledger.ledger.questions import plans, queries
from spanledger.ledger.questions.filters import Filter, Window
from spanledger.ledger.sums.closing import close_all
from spanledger.ledger.writes import write


def test_an_sqlite_that_is_told_no_order_answers_the_same(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "_FIRST", "AS")
    told = list(entries(5, 300))
    write(engine, told)
    close_all(engine, BEGIN // NANO + DAYS * 86_400 + 4000)
    said: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda _c, _cursor, statement, *_: said.append(statement))
    asked = Window.of(BEGIN // NANO, BEGIN // NANO + 2 * 86_400), Filter(tenant="acme")
    with database.reading(engine) as connection:
        found = queries.by(connection, "stage", *asked)
    assert found == oracle.grouped(oracle.matching(told, *asked), lambda entry: entry.stage or "")
    assert "WITH places AS (" in said[-1]
