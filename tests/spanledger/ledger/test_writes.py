"""What gets into the ledger, and how often."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, func, select, text
from tests.support.entries import BEGIN, NANO, entries

from spanledger.errors import ConfigError
from spanledger.ledger import CacheEvent, Charge, Entry, database, schema
from spanledger.ledger.migrate import migrate, ready
from spanledger.ledger.questions import queries
from spanledger.ledger.questions.filters import Window
from spanledger.ledger.sums.closing import close_all
from spanledger.ledger.writes import write


def test_the_steps_lead_to_the_tables_of_the_schema(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "ledger_version"})
        assert compare_metadata(context, schema.metadata) == []


def test_a_database_is_migrated_once(engine: Engine) -> None:
    assert not migrate(engine)


def test_a_file_is_migrated_by_itself_and_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "calls.sqlite"
    ready(database.engine(f"sqlite://{path}"))
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_server_is_migrated_only_when_the_user_says_so(url: str) -> None:
    engine = database.engine(url)
    if engine.dialect.name == "sqlite":
        ready(engine)
    else:
        with pytest.raises(ConfigError, match="spanledger ledger migrate"):
            ready(engine)
        migrate(engine)
    ready(engine)


def test_a_ledger_of_a_later_version_is_left_alone(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE ledger_version SET version_num = '9999'"))
    with pytest.raises(ConfigError, match=r"later spanledger|version 9999"):
        ready(engine)


def test_a_row_is_what_its_entry_said(engine: Engine) -> None:
    [entry] = entries(7, 1)
    write(engine, [entry])
    with engine.connect() as connection:
        row = connection.execute(select(schema.calls)).one()._mapping
    assert entry.usage is not None
    for name in ("id", "kind", "status", "started", "ended", "run", "stage", "cost", "price_status", "estimated"):
        assert row[name] == getattr(entry, name)
    for name in schema.TOKENS:
        assert row[name] == getattr(entry.usage, name)


def test_what_is_told_twice_in_any_order_counts_once(engine: Engine) -> None:
    told = list(entries(1, 300))
    shuffled = random.Random(1).sample(told, len(told))
    assert write(engine, told[:200]) == 200
    assert write(engine, [*shuffled, *told]) == 100
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(schema.calls)) == 300
        sums = schema.rollups.c
        by_cut = select(sums.grain, sums.cut, func.sum(sums.cost)).group_by(sums.grain, sums.cut)
        assert {int(cost) for *_, cost in connection.execute(by_cut)} == {sum(entry.cost or 0 for entry in told)}


def test_a_run_spans_all_of_its_calls_in_whatever_order_they_come(engine: Engine) -> None:
    told = list(entries(2, 200))
    for first in range(0, 200, 20):
        write(engine, told[first : first + 20])
    with engine.connect() as connection:
        found = {row.id: (row.started, row.ended) for row in connection.execute(select(schema.runs))}
    runs = {entry.run for entry in told}
    assert found == {
        run: (min(e.started for e in told if e.run == run), max(e.ended for e in told if e.run == run)) for run in runs
    }


def test_text_that_databases_refuse_does_not_cost_the_row(engine: Engine) -> None:
    write(engine, [Entry("1", BEGIN, BEGIN, "chat", "openai", tenant="a\0b", user="\ud800")])
    with engine.connect() as connection:
        row = connection.execute(select(schema.calls.c.tenant, schema.calls.c.user)).one()
    assert tuple(row) == ("a\N{REPLACEMENT CHARACTER}b", "?")


def test_text_that_databases_refuse_in_an_id_or_a_charge_does_not_cost_the_row(engine: Engine) -> None:
    charge = Charge("tenant/day", "a\0", "2026-11-22", "USD", 7)
    one = Entry("1\0", BEGIN, BEGIN, "chat", "openai", cost=1, charges=(charge,))
    same = one._replace(id="1\N{REPLACEMENT CHARACTER}")
    assert write(engine, [one, same, CacheEvent("2\0", BEGIN, "l1", hit=True)]) == 2
    assert write(engine, [one]) == 0
    with engine.connect() as connection:
        assert connection.scalars(select(schema.charges.c.scope_value)).all() == ["a\N{REPLACEMENT CHARACTER}"]
        assert connection.scalar(select(schema.rollups.c.lost + schema.rollups.c.calls)) == 1


def test_times_that_cannot_be_do_not_overflow_the_sums(engine: Engine) -> None:
    """Spans that lost their end, or come from a clock that is wrong."""
    for number in range(8):
        write(engine, [Entry(f"lost-{number}", BEGIN, 0, "chat", "openai", cost=1)])
        write(engine, [Entry(f"late-{number}", BEGIN, 2**63 - 1, "chat", "openai", cost=1)])
    close_all(engine, BEGIN / NANO + 86_400)
    with database.reading(engine) as connection:
        found = queries.totals(connection, Window.of(BEGIN / NANO - 86_400, BEGIN / NANO + 86_400))
        assert (found.calls, found.cost, found.duration) == (16, 16, 8 * 86_400 * NANO)


def test_a_row_that_no_database_takes_does_not_hold_up_the_others(url: str, failures: dict[object, int]) -> None:
    migrate(database.engine(url))
    good = list(entries(3, 9))
    database.Sink(database.engine(url))([*good, good[0]._replace(id="bad", cost=2**70)])
    with database.engine(url).connect() as connection:
        assert connection.scalar(select(func.count()).select_from(schema.calls)) == 9
    assert sum(failures.values()) == 1


def test_an_entry_travels_as_a_line() -> None:
    for entry in entries(4, 500):
        assert Entry.read(entry.line()) == entry


def test_what_a_later_version_adds_to_a_line_is_left_out() -> None:
    [entry] = entries(5, 1)
    assert Entry.read(entry.line().replace(b"{", b'{"novel":[1],', 1)) == entry
