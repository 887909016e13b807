"""Tenants page by page: what it takes to tell them."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Connection, event
from tests.support.entries import BEGIN, NANO

from spanledger.ledger import Entry, database
from spanledger.ledger.migrate import migrate
from spanledger.ledger.questions.filters import Filter, Window
from spanledger.ledger.questions.listing import PAGE
from spanledger.ledger.questions.tenants import page
from spanledger.ledger.sums.closing import close_all
from spanledger.ledger.writes import write

WHOLE = Window(BEGIN // NANO - 86_400, BEGIN // NANO + 86_400)


def test_operations_that_a_tenant_did_not_ask_for_in_a_window_are_left_out(tmp_path: Path) -> None:
    """The window is a day without its last hours, which had another operation."""
    engine = database.engine(f"sqlite://{tmp_path}/calls.sqlite")
    migrate(engine)
    day = BEGIN // NANO // 86_400 * 86_400
    ats = {"chat": day + 3600, "embeddings": day + 86_400 - 60}
    write(engine, [Entry(name, at * NANO, at * NANO, name, "openai", tenant="acme") for name, at in ats.items()])
    close_all(engine, day + 2 * 86_400)
    with database.reading(engine) as connection:
        [tenant] = page(connection, Window(day - 86_400, day + 86_400 - 7200)).tenants
    assert tenant.operations == {"chat": 1}


@pytest.mark.parametrize("only", [Filter(), Filter(stage="plan"), Filter(user="ann")])
def test_many_tenants_and_operations_take_as_many_statements_as_one(tmp_path: Path, only: Filter) -> None:
    engine = database.engine(f"sqlite://{tmp_path}/calls.sqlite", kept=1)
    migrate(engine)
    said: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda _c, _cursor, statement, *_: said.append(statement))

    def asked(connection: Connection) -> tuple[int, int]:
        said.clear()
        found = page(connection, WHOLE, only, limit=1000)
        return len(found.tenants), len(said)

    one = Entry("first", BEGIN, BEGIN + 1, "chat", "openai", stage="plan", user="ann", tenant="first", cost=1)
    write(engine, [one])
    with database.reading(engine) as connection:
        few = asked(connection)
    write(engine, [one._replace(id=f"{n}", tenant=f"t-{n % 60}", operation=f"o-{n % 50}") for n in range(300)])
    with database.reading(engine) as connection:
        many = asked(connection)
    assert (few[0], many[0]) == (1, 61)
    assert few[1] == many[1]
    engine.dispose()


def test_a_page_has_as_many_tenants_of_a_user_as_it_may(tmp_path: Path) -> None:
    engine = database.engine(f"sqlite://{tmp_path}/calls.sqlite")
    migrate(engine)
    one = Entry("first", BEGIN, BEGIN + 1, "chat", "openai", user="ann", cost=1)
    write(engine, [one, *(one._replace(id=f"{n}", tenant=f"t-{n}") for n in range(PAGE + 1))])
    with database.reading(engine) as connection:
        found = page(connection, WHOLE, Filter(user="ann"), limit=PAGE)
    assert [tenant.operations for tenant in found.tenants] == [{"chat": 1}] * PAGE
    assert found.tenants[0].name == ""
