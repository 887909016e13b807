"""Several windows of a user's calls: the answers are those of each window, and the calls are read once."""

from __future__ import annotations

import random

from sqlalchemy import Engine, event
from tests.support import ledger_oracle as oracle
from tests.support.entries import BEGIN, DAYS, NANO, entries

from spanledger.ledger import database
from spanledger.ledger.questions import queries
from spanledger.ledger.questions.filters import Filter, Window
from spanledger.ledger.writes import write

ANN = Filter(user="ann")
SINCE, UNTIL = BEGIN // NANO, BEGIN // NANO + DAYS * 86_400


def test_windows_of_a_user_may_overlap_leave_gaps_and_be_empty(engine: Engine) -> None:
    told = list(entries(3, 600))
    write(engine, told)
    dice = random.Random(4)
    with database.reading(engine) as connection:
        for number in range(12):
            begins = [SINCE + dice.randrange(DAYS * 86_400) // 600 * 600 for _ in range(number)]
            windows = [Window.of(at, at + dice.choice((0, 60, 3600, 90_000))) for at in begins]
            found = queries.over(connection, windows, ANN)
            assert found == [oracle.totals(oracle.matching(told, window, ANN)) for window in windows]


def test_the_calls_of_a_user_are_read_once_however_many_windows_are_asked_for(engine: Engine) -> None:
    write(engine, list(entries(3, 100)))
    said: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda _c, _cursor, statement, *_: said.append(statement))
    whole = Window.of(SINCE, UNTIL)
    with database.reading(engine) as connection:
        for ask in (
            lambda: queries.projection(connection, UNTIL + 4000.0, ANN),
            lambda: queries.steps(connection, 3600, whole, ANN),
            lambda: queries.by(connection, "day", whole, ANN),
            lambda: queries.percentiles_by(connection, "day", whole, ANN),
        ):
            said.clear()
            ask()
            assert len([one for one in said if "FROM calls" in one]) == 1
