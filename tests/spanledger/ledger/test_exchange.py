"""The ledger taken along, priced anew, and compared with the budgets."""

from __future__ import annotations

import io
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from tests.support.entries import BEGIN, entries

from spanledger.budget.memory import MemoryStore
from spanledger.budget.store import Claim, Counter, Gap
from spanledger.ledger import Charge, Entry, exchange, reconciling, schema
from spanledger.ledger.questions import queries
from spanledger.ledger.questions.filters import Window
from spanledger.ledger.repricing import reprice
from spanledger.ledger.writes import write
from spanledger.pricing import PriceBook, open_book
from spanledger.usage import Usage

NANO = 1_000_000_000
TOLD = list(entries(11, 1200))
ALL_TIME = Window.of(0, BEGIN // NANO + 400 * 86_400)


@pytest.fixture
def full(engine: Engine) -> Engine:
    write(engine, TOLD)
    return engine


@pytest.mark.parametrize("format_", exchange.FORMATS)
def test_what_is_taken_along_is_all_of_it(full: Engine, format_: Any) -> None:
    out = io.BytesIO()
    with full.connect() as connection:
        assert exchange.save(exchange.entries(connection, 0, 2**62), out, format_, exchange.CALLS) == len(TOLD)
    found = {entry.id: entry for entry in exchange.load(io.BytesIO(out.getvalue()), format_)}
    for entry in TOLD:
        tenant = entry.tenant or None if format_ == "csv" else entry.tenant  # a cell of CSV is empty or it is not
        assert found[entry.id] == entry._replace(tenant=tenant, charges=tuple(sorted(entry.charges)))
    assert write(full, list(found.values())) == 0


def priced(number: int) -> Entry:
    at = BEGIN + number * NANO
    return Entry(
        f"{number:06}", at, at + NANO, "chat", "openai", request_model="gpt-4o-mini",
        usage=Usage(input=100, output=20),
        cost=1, cost_source="local", price_version="old", price_status="priced",
    )  # fmt: skip


@pytest.fixture
def wrong(engine: Engine) -> tuple[Engine, PriceBook]:
    """Calls of 27,000 nano-USD each, of which the ledger thinks they cost 1."""
    book = open_book(None, None)
    told = [priced(number) for number in range(1500)]
    told[0] = told[0]._replace(cost_source="provider")
    told[1] = told[1]._replace(cost=None, cost_source=None, price_status="unpriced")
    told[2] = told[2]._replace(request_model="nobody-knows-it")
    write(engine, told)
    return engine, book


def test_repricing_shows_what_changes_before_it_writes(wrong: tuple[Engine, PriceBook]) -> None:
    engine, book = wrong
    [changed] = reprice(engine, book, BEGIN + 1 * NANO, write=False)
    assert (changed.calls, changed.unpriced, changed.before, changed.after) == (1498, 1, 1497, 1498 * 27_000)
    with engine.connect() as connection:
        assert queries.totals(connection, ALL_TIME).cost == 1499


def test_repricing_changes_rows_and_rollups_once(wrong: tuple[Engine, PriceBook]) -> None:
    engine, book = wrong
    reprice(engine, book, 0, write=True)
    with engine.connect() as connection:
        found = queries.totals(connection, ALL_TIME)
        assert (found.cost, found.cost_provider, found.unpriced) == (1 + 1 + 1498 * 27_000, 1, 0)
        assert connection.scalar(select(func.sum(schema.calls.c.cost))) == found.cost
        assert queries.by(connection, "status", ALL_TIME)["success"] == found
    assert reprice(engine, book, 0, write=True) == ()


def test_a_budget_that_says_something_else_than_the_ledger_is_a_gap(engine: Engine) -> None:
    store, same, less = MemoryStore(), Counter("run/run", "r", "r"), Counter("global/total", "", "total")
    at = BEGIN
    for number in range(10):
        hold = f"hold-{number}"
        claims = [Claim(same, 10), Claim(less, 10)]
        assert store.reserve(hold, claims, 60) is None
        store.settle(hold, claims, (7, 7))
        charges = (Charge(*same, 7), Charge(*less, 7 if number else 0))
        write(engine, [Entry(str(number), at, at, "chat", "openai", hold=hold, charges=charges)])
    with engine.connect() as connection:
        paid = reconciling.charged(connection)
    assert list(reconciling.gaps(store, paid)) == [Gap(less, "ledger", 70, 63)]
    store.adjust(same, 3, reason="", who="")  # told in the audit, so no gap
    assert list(reconciling.gaps(store, paid)) == [Gap(less, "ledger", 70, 63)]
