"""What is too old is forgotten by one of all the processes, and by none of them too often."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import Engine, event, func, select
from tests.support.ledgering import entry

from spanledger.ledger import Entry, database, retention, schema, upkeep
from spanledger.ledger.retention import Keep
from spanledger.ledger.sums import closing
from spanledger.ledger.upkeep import EVERY, LOOK, claimed, put_off
from spanledger.ledger.writes import write

NANO = 1_000_000_000
NOW = time.time_ns()
KEEP = Keep(calls=10, runs=10, minutes=10, hours=10, days=10)


def old(count: int) -> Sequence[Entry]:
    at = NOW - 20 * 86_400 * NANO
    return [entry(f"{number}", started=at, ended=at) for number in range(count)]


def calls(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(schema.calls)) or 0


def process(engine: Engine) -> database.Sink:
    """What another process has of the same ledger."""
    return database.Sink(
        database.engine(engine.url.render_as_string(hide_password=False).replace("+psycopg", "")), KEEP
    )


def tidied(sink: database.Sink) -> int:
    steps = 0
    while sink.tidy():
        steps += 1
    return steps


def test_of_processes_that_look_at_once_one_has_the_turn(engine: Engine) -> None:
    together = Barrier(4)

    def look(_: int) -> bool:
        together.wait()
        return claimed(engine, NOW)

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(look, range(4))) == [False, False, False, True]


def test_it_is_due_again_hours_after_a_turn_and_sooner_after_one_that_came_to_no_end(engine: Engine) -> None:
    assert claimed(engine, NOW)
    assert not claimed(engine, NOW + LOOK * NANO)
    assert claimed(engine, NOW + LOOK * NANO + 1)
    put_off(engine, NOW)
    assert not claimed(engine, NOW + EVERY * NANO)
    assert claimed(engine, NOW + EVERY * NANO + 1)


def test_a_clock_that_was_far_ahead_does_not_end_it_for_good(engine: Engine) -> None:
    put_off(engine, NOW + 1000 * EVERY * NANO)
    assert claimed(engine, NOW)


def test_what_is_too_old_is_forgotten_once_for_all_processes(engine: Engine) -> None:
    first, second = process(engine), process(engine)
    first(old(3))
    assert calls(engine) == 3  # writing forgets nothing
    assert tidied(first) > 0
    assert calls(engine) == 0
    first(old(2))
    assert (tidied(second), tidied(first), calls(engine)) == (0, 0, 2)


def test_minutes_that_cannot_be_closed_do_not_keep_what_is_too_old(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> bool:
        raise OverflowError

    first = process(engine)
    first(old(3))
    monkeypatch.setattr(closing, "close", broken)
    with pytest.raises(OverflowError):
        first.tidy()
    assert tidied(first) > 0
    assert calls(engine) == 0


def test_between_two_steps_no_connection_is_open_and_what_is_left_is_done_by_the_next(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    monkeypatch.setattr(upkeep, "LOOK", 0)
    first = process(engine)
    opened: list[int] = []
    event.listen(first._engine, "checkout", lambda *_: opened.append(1))
    event.listen(first._engine, "checkin", lambda *_: opened.append(-1))
    first(old(5))
    assert first.tidy()
    assert (calls(engine), sum(opened)) == (3, 0)
    assert tidied(process(engine)) > 1
    assert calls(engine) == 0


def test_a_look_for_what_is_too_old_takes_few_statements_and_one_connection(engine: Engine) -> None:
    write(engine, [entry("new")])
    said: list[str] = []
    connections: list[object] = []
    event.listen(engine, "before_cursor_execute", lambda _c, _cursor, statement, *_: said.append(statement))
    event.listen(engine, "checkout", lambda *found: connections.append(found))
    assert sum(retention.pruning(engine, KEEP, NOW / NANO)) == 0
    assert (len([one for one in said if one.startswith("SELECT min") or "(SELECT min" in one]), len(connections)) == (
        4,
        1,
    )


def turn(engine: Engine, ahead: int) -> None:
    """The turn of a process whose clock is some days ahead."""
    one = upkeep.Upkeep(engine, KEEP, lambda: NOW + ahead * 86_400 * NANO)
    while one.step():
        pass


def test_a_clock_that_is_a_year_ahead_forgets_a_day_too_much_beside_one_that_is_right(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "LOOK", 0)
    ages = {f"{days}": NOW - days * 86_400 * NANO + NANO for days in (1, 8, 9, 10)}
    write(engine, [entry(name, started=at, ended=at) for name, at in ages.items()])
    turn(engine, 0)
    assert calls(engine) == 4
    for _ in range(3):
        turn(engine, 365)
        turn(engine, 0)
        assert calls(engine) == 3


def test_after_a_long_rest_everything_that_is_too_old_is_forgotten_within_some_turns(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "LOOK", 0)
    turn(engine, -30)
    write(engine, old(3))
    seen = []
    for _ in range(25):
        turn(engine, 0)
        put_off(engine, 0)
        seen.append(calls(engine))
    assert (seen[0], seen[-1]) == (3, 0)


def test_a_clock_that_was_far_behind_is_made_up_for_in_one_turn(engine: Engine) -> None:
    assert upkeep.moved(engine, NOW) == NOW
    assert upkeep.moved(engine, 0) == 0
    assert upkeep.moved(engine, NOW) == NOW
