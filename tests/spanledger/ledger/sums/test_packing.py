"""Sums that have no room in 64 bits are no answer: an error says so, and no other figure is touched."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine
from tests.support.entries import BEGIN, NANO
from tests.support.serving import NOW, asking, problem, serving

from spanledger.ledger import Entry, database
from spanledger.ledger.migrate import migrate
from spanledger.ledger.overflow import SumError
from spanledger.ledger.questions import queries, singles
from spanledger.ledger.questions.filters import Filter, Window
from spanledger.ledger.schema import SUMS
from spanledger.ledger.sums.closing import close_all
from spanledger.ledger.sums.cuts import WEEK
from spanledger.ledger.sums.packing import packed, unpacked
from spanledger.ledger.writes import write

NUMBERS = st.tuples(*[st.integers(-(2**63), 2**63 - 1)] * len(SUMS))
WHOLE = Window.of(NOW - 2 * WEEK, NOW)
ANN = Filter(user="ann")


@given(rows=st.lists(st.tuples(st.sampled_from((-1, 1)), NUMBERS), max_size=9))
def test_what_is_added_up_is_each_sum_or_an_error(rows: list[tuple[int, tuple[int, ...]]]) -> None:
    one = sum(sign * packed(row) for sign, row in rows)
    sums = tuple(sum(sign * row[place] for sign, row in rows) for place in range(len(SUMS)))
    if all(-(2**63) <= value < 2**63 for value in sums):
        assert unpacked(one) == sums
    else:
        with pytest.raises(SumError):
            unpacked(one)


@pytest.fixture(params=["open", "closed"])
def much(engine: Engine, request: pytest.FixtureRequest) -> Engine:
    """Two calls of different weeks, each of which costs as much as there is room for."""
    for week in range(2):
        at = BEGIN - week * WEEK * NANO
        write(engine, [Entry(f"much-{week}", at, at, "chat", "openai", trace_id="t", user="ann", cost=2**63 - 1)])
    if request.param == "closed":
        close_all(engine, NOW)
    return engine


@pytest.mark.parametrize(
    "ask",
    [
        lambda connection: queries.totals(connection, WHOLE),
        lambda connection: queries.by(connection, "model", WHOLE),
        lambda connection: queries.totals(connection, WHOLE, ANN),
        lambda connection: singles.of_trace(connection, "t"),
    ],
)
def test_two_calls_that_come_to_more_than_64_bits_are_no_answer(
    much: Engine, ask: Callable[[Connection], object]
) -> None:
    with database.reading(much) as connection, pytest.raises(SumError):
        ask(connection)


def test_a_sum_that_grew_beyond_64_bits_where_it_is_kept_is_no_answer(tmp_path: Path) -> None:
    """SQLite goes on with a float, of which a cast would make some other number."""
    engine = database.engine(f"sqlite://{tmp_path}/calls.sqlite")
    migrate(engine)
    for number in range(2):
        write(engine, [Entry(f"much-{number}", BEGIN, BEGIN, "chat", "openai", cost=2**63 - 1)])
        with suppress(SumError):
            close_all(engine, NOW)
    with database.reading(engine) as connection, pytest.raises(SumError):
        queries.totals(connection, WHOLE)


def test_the_service_says_what_to_do_and_still_how_it_is(much: Engine) -> None:
    client = asking(serving(much))
    asked = {"time_window_minutes": 2 * WEEK // 60}
    assert "ask for less time" in problem(client.get("/api/metrics/costs", params=asked), 422)
    assert client.get("/api/metrics/health", params=asked).json()["health"]["components"]["ledger"] == "ok"
    assert client.get("/api/metrics/costs", params={"time_window_minutes": WEEK // 60}).status_code == 200
