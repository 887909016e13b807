"""What the ledger forgets, and what it still says then."""

from __future__ import annotations

import random

import pytest
from sqlalchemy import Engine, func, select
from tests.support.entries import BEGIN, DAYS, entries
from tests.support.ledger_oracle import totals

from spanledger.ledger import Entry, database, retention, schema
from spanledger.ledger.questions import queries
from spanledger.ledger.questions.filters import Window
from spanledger.ledger.questions.results import Totals
from spanledger.ledger.repricing import reprice
from spanledger.ledger.retention import Keep, prune, pruning
from spanledger.ledger.sums.closing import close_all
from spanledger.ledger.sums.cuts import DAY, FOUR, GRAINS, HOUR, MINUTE, TEN, WEEK
from spanledger.ledger.writes import write
from spanledger.pricing import open_book
from spanledger.usage import Usage

NANO = 1_000_000_000
DAY_NANO = DAY * NANO
TOLD = list(entries(11, 1200))
ALL_TIME = Window.of(0, BEGIN // NANO + 400 * DAY)
#: The first of the days of `spread`, and the first day after them.
FIRST, AFTER = BEGIN // NANO // DAY * DAY, BEGIN // NANO // DAY * DAY + 30 * DAY


@pytest.fixture
def full(engine: Engine) -> Engine:
    write(engine, TOLD)
    return engine


def spread() -> list[Entry]:
    """Two calls of each of thirty days."""
    dice = random.Random(3)
    ats = [(FIRST + day * DAY) * NANO + dice.randrange(DAY_NANO) for day in range(30) for _ in range(2)]
    return [
        Entry(f"{number}", at, at + NANO, "chat", "openai", cost=1, price_status="priced", stage=f"{number % 3}")
        for number, at in enumerate(ats)
    ]


#: Windows of the last days of `spread`, some of whole days.
WINDOWS = [
    Window.of(since, since + length)
    for day in range(AFTER - 15 * DAY, AFTER, DAY)
    for since in (day, day + 40_020)
    for length in (2 * HOUR, DAY, 8 * DAY)
]


def test_what_is_too_old_is_forgotten_and_the_sums_by_day_stay(full: Engine) -> None:
    now = BEGIN // NANO + (DAYS + 10) * 86_400
    prune(full, Keep(calls=10, minutes=5, hours=5), now)
    with full.connect() as connection:
        left = {entry.id for entry in TOLD if entry.started >= (now - 10 * 86_400) * NANO}
        assert set(connection.scalars(select(schema.calls.c.id))) == left
        assert set(connection.scalars(select(schema.charges.c.call))) <= left
        assert set(connection.scalars(select(schema.rollups.c.grain))) == {DAY, WEEK}
        day = Window.of(BEGIN // NANO // 86_400 * 86_400, ALL_TIME.until // 86_400 * 86_400)
        assert queries.totals(connection, day) == totals(TOLD)


def test_all_that_is_too_old_is_forgotten_whatever_lies_between_and_it_is_told_how_much(engine: Engine) -> None:
    days = (0, 1, 40, 41, 300)
    told = [Entry(f"{day}", at, at, "chat", "openai", run=f"{day}") for day in days if (at := BEGIN + day * DAY_NANO)]
    lasting = Entry("lasting", BEGIN, BEGIN, "chat", "openai", run="300")
    write(engine, [*told, lasting])
    close_all(engine, BEGIN // NANO + 301 * 86_400)
    before = rows(engine)
    gone = prune(engine, Keep(100, 100, 100, 100, 100, 100, 100), BEGIN // NANO + 300 * 86_400)
    assert gone == before - rows(engine)
    with engine.connect() as connection:
        assert set(connection.scalars(select(schema.calls.c.id))) == set(connection.scalars(select(schema.runs.c.id)))
        assert connection.scalar(select(func.count()).select_from(schema.calls)) == 1
        for sums in (schema.rollups, schema.latencies):
            assert connection.scalar(select(func.min(sums.c.at))) == (BEGIN // NANO + 300 * DAY) // WEEK * WEEK
    assert prune(engine, Keep(100, 100, 100, 100, 100, 100, 100), BEGIN // NANO + 300 * 86_400) == 0


def rows(engine: Engine) -> int:
    tables = (schema.calls, schema.runs, schema.rollups, schema.latencies)
    with engine.connect() as connection:
        return sum(connection.scalar(select(func.count()).select_from(table)) or 0 for table in tables)


@pytest.mark.parametrize("days", [10, 13])
def test_days_that_are_kept_are_told_whichever_of_their_week_are_forgotten(engine: Engine, days: int) -> None:
    told = spread()
    write(engine, told)
    prune(engine, Keep.of({"days": days}), AFTER)
    with database.reading(engine) as connection:
        kept = connection.scalar(select(func.min(schema.rollups.c.at)).where(schema.rollups.c.grain == DAY))
        assert AFTER - days * DAY - WEEK < kept <= AFTER - days * DAY
        for since in range(FIRST - DAY, AFTER, DAY):
            for until in (since + DAY, since + 3 * DAY, since + 8 * DAY, AFTER):
                found = queries.totals(connection, Window(since, until))
                assert found == totals(e for e in told if max(since, kept) * NANO <= e.started < until * NANO)


def test_sums_of_short_spans_of_time_are_kept_no_longer_than_those_of_long_ones() -> None:
    assert Keep.of({"days": 90}).sums == dict.fromkeys(GRAINS, 90)
    assert Keep(minutes=None, hours=20, days=None).sums == {
        MINUTE: 20,
        TEN: 20,
        HOUR: 20,
        FOUR: 20,
        DAY: None,
        WEEK: None,
    }
    assert Keep(minutes=5, hours=20, days=30).sums == {MINUTE: 5, TEN: 5, HOUR: 20, FOUR: 20, DAY: 30, WEEK: 30}


def test_at_no_moment_of_forgetting_is_more_taken_away_than_there_is(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 40)
    told = [one for one in spread() if one.started >= (AFTER - 15 * DAY) * NANO]
    write(engine, told)
    close_all(engine, AFTER + HOUR)
    for step, gone in enumerate(pruning(engine, Keep.of({"days": 9, "hours": 7, "minutes": 5}), AFTER)):
        if step % 30 == 0 or not gone:
            with database.reading(engine) as connection:
                assert all(0 <= queries.totals(connection, window).cost <= len(told) for window in WINDOWS)


def test_what_is_repriced_is_not_begun_anew_where_its_sums_are_forgotten(engine: Engine) -> None:
    used = Usage(input=100, output=20)
    write(engine, [one._replace(request_model="gpt-4o-mini", cost_source="local", usage=used) for one in spread()])
    kept = Keep(minutes=5, hours=10)
    prune(engine, kept, AFTER)
    before = grains(engine)
    reprice(engine, open_book(None, None), 0, write=True)
    assert grains(engine) == before
    with database.reading(engine) as connection:
        rows = sum(queries.by(connection, "user", ALL_TIME).values(), Totals())
        assert queries.totals(connection, ALL_TIME) == rows


def grains(engine: Engine) -> dict[int, int]:
    row = schema.rollups.c
    with engine.connect() as connection:
        return dict(connection.execute(select(row.grain, func.count()).group_by(row.grain)).tuples().all())
