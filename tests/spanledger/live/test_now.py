"""What the ledger and the budgets say of this moment."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from spanledger.budget import inline
from spanledger.budget.listing import Row
from spanledger.budget.store import Counter
from spanledger.ledger import Entry, database
from spanledger.ledger.migrate import migrate
from spanledger.ledger.writes import write
from spanledger.live.now import Now, frame, now
from spanledger.live.shown import Line
from spanledger.usage import Usage

NANO = 10**9
AT = 1_700_000_030.0
BUDGETS = inline.parse("run=10USD;tenant/day=1USD,warn=0.1USD;global/day=9000calls")


def call(id_: str, ago: float, **facts: object) -> Entry:
    at = round((AT - ago) * NANO)
    known = {"usage": Usage(100, 20), "cost": 1_500_000, "price_status": "priced", "request_model": "m", "run": "r"}
    return Entry(id_, at, at + NANO // 2, "chat", "openai", **{**known, **facts})  # type: ignore[arg-type]


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    made = database.engine(f"sqlite://{tmp_path}/calls.sqlite")
    migrate(made)
    return made


def seen(engine: Engine, *rows: Row, minutes: int = 5) -> Now:
    with database.reading(engine) as connection:
        return now(connection, AT, minutes, BUDGETS, rows)


def row(name: str, value: str, window: str, spent: int, limit: int | None) -> Row:
    unit = next(budget.unit for budget in BUDGETS if budget.name == name)
    return Row(name, value, window, unit, limit, spent, 0, 0, halted=False, counters=(Counter(name, value, window),))


def test_the_window_is_whole_minutes_and_the_one_that_runs_is_the_last(engine: Engine) -> None:
    # 22:13:50; five minutes begin at 22:09:00
    write(engine, [call("now", 1), call("first", 4 * 60 + 50), call("before", 4 * 60 + 51)])
    found = seen(engine)
    assert found.totals.calls == 2
    assert found.per_minute == 600_000
    assert seen(engine, minutes=6).totals.calls == 3


def test_the_dearest_come_first_and_what_has_no_price_before_what_cost_nothing(engine: Engine) -> None:
    unpriced = {"cost": None, "price_status": "unpriced"}
    write(
        engine,
        [
            call("1", 1, stage="free", cost=0),
            call("2", 1, stage="dark", **unpriced),
            call("3", 1, stage="dear"),
            call("4", 1),
            *(call(f"x{n}", 1, stage=f"s{n}", cost=n + 1) for n in range(4)),
        ],
    )
    assert [name for name, _ in seen(engine).top["stage"]] == ["", "dear", "s3", "s2", "s1"]
    assert [name for name, _ in seen(engine).top["model"]] == ["m"]


def test_runs_that_made_a_call_in_the_last_minute_are_running(engine: Engine) -> None:
    write(engine, [call("1", 3600, run="long"), call("2", 5, run="long"), call("3", 90, run="over")])
    [run] = seen(engine).running
    assert (run.id, run.calls, run.cost) == ("long", 2, 3_000_000)


def test_budgets_of_runs_are_shown_while_the_run_is_running_the_nearest_to_its_limit_first(engine: Engine) -> None:
    write(engine, [call("1", 5, run="r")])
    found = seen(
        engine,
        row("run/run", "r", "r", 5 * NANO, 10 * NANO),
        row("run/run", "old", "old", 10 * NANO, 10 * NANO),
        row("tenant/day", "acme", "d", NANO * 9 // 10, NANO),
        row("global/day", "", "d", 1, None),
    )
    assert [(bar.whose, bar.tone) for bar in found.budgets] == [("acme", "warn"), ("r", "good")]


def test_a_minute_of_which_nobody_knows_the_price_did_not_cost_nothing(engine: Engine) -> None:
    write(engine, [call("dark", 1, cost=None, price_status="unpriced")])
    first, *_ = frame(seen(engine))
    assert isinstance(first, Line)
    assert first.text.startswith("- a minute | 1 unpriced in 5 minutes | 1 call ")
