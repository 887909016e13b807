"""Minutes are closed while others write: every sum that is kept is that of the rows, whoever is at work or dies."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from signal import SIGKILL

import psycopg
import pytest
from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import OperationalError
from tests.support import ledger_databases
from tests.support.entries import BEGIN, DAYS, entries
from tests.support.ledger_sums import expected, kept
from tests.support.waiting import until

from spanledger.ledger import CacheEvent, Entry, database, schema
from spanledger.ledger.entry import Line
from spanledger.ledger.migrate import migrate
from spanledger.ledger.questions import queries
from spanledger.ledger.questions.filters import Window
from spanledger.ledger.questions.results import Totals
from spanledger.ledger.repricing import reprice
from spanledger.ledger.sums import closing, mark
from spanledger.ledger.sums.cuts import TEN
from spanledger.ledger.writes import insert_entries, write
from spanledger.pricing import open_book

NANO = 1_000_000_000
SINCE, UNTIL = BEGIN // NANO, BEGIN // NANO + DAYS * 86_400
WHOLE = Window.of(SINCE, UNTIL + 60)
TOLD = list(entries(8, 120))
EVENTS = [
    CacheEvent(entry.id, entry.started, "l1", hit=bool(number % 3), stage=entry.stage, tenant=entry.tenant)
    for number, entry in enumerate(TOLD)
]
BOOK = open_book(None, None)


def lines(seed: int) -> list[Line]:
    """All that is told, in an order of its own."""
    return random.Random(seed).sample([*TOLD, *EVENTS], len(TOLD) + len(EVENTS))


def patiently(step: Callable[[], object]) -> None:
    """Whoever waits for a file that many write into gives up after some seconds, and tries again."""
    while True:
        try:
            step()
            return
        except OperationalError as error:
            if "database is locked" not in str(error):
                raise


def writing(engine: Engine, seed: int) -> None:
    told = lines(seed)
    for first in range(0, len(told), 40):
        patiently(partial(write, engine, told[first : first + 40]))


def shutting(engine: Engine) -> None:
    for hour in range(0, DAYS * 24, 4):
        patiently(partial(closing.close, engine, SINCE + hour * 3600, 15))


def repricing(engine: Engine) -> None:
    for _ in range(3):
        patiently(partial(reprice, engine, BOOK, 0, write=True))


def asking(engine: Engine) -> None:
    """At every moment the sums are those of the rows that are there."""
    for _ in range(25):
        with database.reading(engine) as connection:
            rows = sum(queries.by(connection, "user", WHOLE).values(), Totals())
            assert queries.totals(connection, WHOLE) == rows
            assert sum(queries.by(connection, "model", WHOLE).values(), Totals()) == rows


def test_whoever_writes_closes_reprices_and_asks_at_once_finds_the_sums_of_the_rows(engine: Engine) -> None:
    jobs = [partial(writing, engine, seed) for seed in range(3)]
    jobs += [partial(job, engine) for job in (shutting, shutting, repricing, asking)]
    with ThreadPoolExecutor(len(jobs)) as threads:
        for done in [threads.submit(job) for job in jobs]:
            done.result()
    assert kept(engine) == expected(engine)
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(schema.calls)) == len(TOLD)
    closing.close_all(engine, UNTIL + 86_400, 15)
    reprice(engine, BOOK, 0, write=True)
    assert kept(engine) == expected(engine)


@pytest.mark.parametrize("last", ["INSERT INTO latencies", "UPDATE closed"])
def test_what_a_process_had_closed_that_was_killed_is_closed_by_the_next(url: str, engine: Engine, last: str) -> None:
    write(engine, lines(1))
    command = [sys.executable, "-m", "tests.support.ledger_closer", url, str(UNTIL), last]
    assert subprocess.run(command, cwd=Path(__file__).parents[4], check=False).returncode == -SIGKILL
    with database.reading(engine) as connection:
        assert mark.seen(connection) == 0
    assert kept(engine) == expected(engine)
    closing.close_all(engine, UNTIL + 86_400)
    assert kept(engine) == expected(engine)


def test_what_is_repriced_changes_in_all_sums_on_both_sides_of_the_mark(engine: Engine) -> None:
    write(engine, lines(1))
    closing.close_all(engine, (SINCE + UNTIL) / 2)
    assert sum(one.calls for one in reprice(engine, BOOK, 0, write=True)) > len(TOLD) / 4
    assert kept(engine) == expected(engine)


def test_a_clock_that_was_a_year_ahead_costs_no_sum(engine: Engine) -> None:
    write(engine, TOLD[:100])
    closing.close_all(engine, UNTIL + 365 * 86_400)
    write(engine, lines(1))
    closing.close_all(engine, UNTIL + 86_400)
    assert kept(engine) == expected(engine)
    with engine.connect() as connection:
        assert queries.totals(connection, WHOLE).lost == sum(entry.kind == "attempt" for entry in TOLD)


def test_a_clock_that_goes_back_closes_nothing_again(engine: Engine) -> None:
    write(engine, TOLD)
    closing.close_all(engine, UNTIL)
    assert not closing.close(engine, UNTIL - 40_000)
    assert kept(engine) == expected(engine)


def test_whoever_closes_waits_for_rows_that_are_being_written_whatever_the_server_was_told(postgres: str) -> None:
    url = ledger_databases.database(postgres)
    told = f"ALTER DATABASE {url.rpartition('/')[2]} SET default_transaction_isolation = 'repeatable read'"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(told)
    engine = database.engine(url)
    migrate(engine)

    def waits() -> bool:
        with engine.connect() as other:
            return bool(other.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))

    with ThreadPoolExecutor(1) as threads:
        with engine.begin() as connection:
            insert_entries(connection, TOLD)
            closes = threads.submit(closing.close, engine, UNTIL)
            assert until(waits)
        closes.result()
    assert kept(engine) == expected(engine)


def test_ten_minutes_with_more_sums_than_are_closed_at_a_time_are_closed_together(engine: Engine) -> None:
    at = SINCE // TEN * TEN * NANO
    write(engine, [Entry(f"{n}", at + n * NANO, at + n * NANO, "chat", "openai", stage=f"{n}") for n in range(20)])
    assert closing.close(engine, SINCE + 86_400, 5)
    assert not closing.close(engine, SINCE + 86_400, 5)
    assert kept(engine) == expected(engine)
