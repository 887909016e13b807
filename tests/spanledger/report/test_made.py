"""Reports say what a plain loop over all calls says, to the nano-USD."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert
from tests.support import ledger_oracle as oracle
from tests.support.entries import BEGIN, DAYS, entries

from spanledger.ledger import Entry, database, schema
from spanledger.ledger.migrate import migrate
from spanledger.ledger.questions.filters import ALL, Filter
from spanledger.ledger.writes import write
from spanledger.report import KINDS, Period, Report, facts, made
from spanledger.usage import Usage

NANO = 1_000_000_000
DAY = 86_400
ENTRIES = list(entries(7, 1500))
SINCE, UNTIL = BEGIN // NANO, BEGIN // NANO + DAYS * DAY
#: The second half, so that the period before it has calls too.
HALF = Period.of((SINCE + UNTIL) // 2, UNTIL, UNTIL)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    engine = database.engine(f"sqlite://{tmp_path_factory.mktemp('ledger')}/calls.sqlite")
    migrate(engine)
    write(engine, ENTRIES)
    with engine.connect().execution_options(reads=True) as connection:
        yield connection


def records(report: Report, name: str) -> list[dict[str, Any]]:
    return next(table for table in report.tables if table.name == name).records()


def change(now: int, before: int) -> float | None:
    return now / before - 1 if before else None


def left(found: list[Entry]) -> list[Entry]:
    return [entry for entry in found if entry.kind == "call" and entry.status != "refused"]


def costs(found: list[Entry]) -> list[int]:
    return [entry.cost for entry in left(found) if entry.cost is not None]


def mean(found: list[Entry]) -> int | None:
    """Of calls and lost attempts: what those cost whose price is known."""
    known = [entry.cost for entry in found if entry.cost is not None]
    return round(sum(known) / len(known)) if known else None


@pytest.mark.parametrize("only", [ALL, Filter(tenant="acme"), Filter(user="u-1"), Filter(stage="")], ids=str)
def test_the_summary_is_that_of_a_loop_over_all_calls(ledger: Connection, only: Filter) -> None:
    found = oracle.matching(ENTRIES, HALF.window, only)
    sums, before = oracle.totals(found), oracle.totals(oracle.matching(ENTRIES, HALF.before, only))
    [said] = records(made(ledger, "cost", HALF, only), "summary")
    assert said["cost_usd"] == sums.cost == said["cost_provider_usd"] + said["cost_local_usd"]
    assert said["change"] == change(sums.cost, before.cost)
    assert (said["calls"], said["refused"], said["lost_attempts"]) == (sums.calls, sums.refused, sums.lost)
    assert (said["cost_estimated_usd"], said["unpriced_calls"]) == (sums.cost_estimated, sums.unpriced)
    assert said["min_cost_usd"] == min(costs(found), default=None)
    assert said["max_cost_usd"] == max(costs(found), default=None)
    assert said["mean_cost_usd"] == mean(found)


@pytest.mark.parametrize("group", ["stage", "operation", "model", "tenant", "provider"])
def test_a_table_by_a_dimension_is_that_of_a_loop_over_all_calls(ledger: Connection, group: str) -> None:
    def grouped(window: Any) -> Mapping[str, list[Entry]]:
        groups: dict[str, list[Entry]] = {}
        for entry in oracle.matching(ENTRIES, window, ALL):
            groups.setdefault(oracle.value(entry, group), []).append(entry)
        return groups

    now, before = grouped(HALF.window), grouped(HALF.before)
    said = records(made(ledger, "all", HALF), f"by-{group}")
    whole = sum(oracle.totals(found).cost for found in now.values())
    assert {row[group] for row in said} == {name or "(none)" for name in now}
    assert [row["cost_usd"] for row in said] == sorted((row["cost_usd"] for row in said), reverse=True)
    for row in said:
        name = "" if row[group] == "(none)" else row[group]
        sums = oracle.totals(now[name])
        assert (row["calls"], row["input_tokens"], row["cost_usd"]) == (sums.calls, sums.input, sums.cost)
        assert (row["share"], row["mean_cost_usd"]) == (sums.cost / whole, mean(now[name]))
        assert (row["min_cost_usd"], row["max_cost_usd"]) == (
            min(costs(now[name]), default=None),
            max(costs(now[name]), default=None),
        )
        assert row["change"] == change(sums.cost, oracle.totals(before.get(name, [])).cost)


@pytest.mark.parametrize("users", [1, 2, 20])
def test_the_users_who_cost_most_are_listed_and_the_others_summed(ledger: Connection, users: int) -> None:
    found = oracle.matching(ENTRIES, HALF.window, ALL)
    sums = oracle.grouped(found, lambda entry: oracle.value(entry, "user"))
    before = oracle.grouped(oracle.matching(ENTRIES, HALF.before, ALL), lambda entry: oracle.value(entry, "user"))
    order = sorted(sums, key=lambda name: -sums[name].cost)
    said = records(made(ledger, "cost", HALF, users=users), "by-user")
    assert [row["user"] for row in said] == [
        *(name or "(none)" for name in order[:users]), *(["(others)"] if len(order) > users else []),
    ]  # fmt: skip
    for name, row in zip(order[:users], said, strict=False):
        assert (row["calls"], row["cost_usd"], row["unpriced_calls"]) == (
            sums[name].calls, sums[name].cost, sums[name].unpriced,
        )  # fmt: skip
        assert row["change"] == change(sums[name].cost, before[name].cost)
    whole = oracle.totals(found)
    assert (sum(row["cost_usd"] for row in said), sum(row["calls"] for row in said)) == (whole.cost, whole.calls)


def test_no_user_is_listed_where_none_is_wanted(ledger: Connection) -> None:
    report = made(ledger, "cost", HALF, users=0)
    assert "by-user" not in {table.name for table in report.tables}


def test_single_calls_that_are_too_many_are_not_read_and_the_tables_say_so(
    ledger: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts, "ROWS", 100)
    report = made(ledger, "all", HALF)
    [summary] = records(report, "summary")
    found = oracle.matching(ENTRIES, HALF.window, ALL)
    assert (summary["cost_usd"], summary["mean_cost_usd"]) == (oracle.totals(found).cost, mean(found))
    assert (summary["min_cost_usd"], summary["max_cost_usd"]) == (None, None)
    assert {(row["min_cost_usd"], row["max_cost_usd"]) for row in records(report, "by-model")} == {(None, None)}
    assert {row["cut_off_rate"] for row in records(report, "operations")} == {None}
    assert records(report, "by-user") == []
    notes = {table.name: table.note for table in report.tables}
    for name in ("summary", "by-model", "by-user", "operations"):
        assert "more than 1,000,000 calls" in notes[name]


def test_a_bill_has_a_line_for_each_tenant_and_model_and_misses_nothing(ledger: Connection) -> None:
    found = oracle.matching(ENTRIES, HALF.window, ALL)
    lines = {(oracle.value(entry, "tenant"), oracle.value(entry, "model")) for entry in found}
    said = records(made(ledger, "tenants", HALF), "bill")
    assert len(said) == len(lines)
    assert sum(row["cost_usd"] for row in said) == oracle.totals(found).cost
    for row in said:
        tenant, model = (row[name].replace("(none)", "") for name in ("tenant", "model"))
        assert (
            row["cost_usd"]
            == oracle.totals(oracle.matching(found, HALF.window, Filter(tenant=tenant, model=model))).cost
        )


def test_a_bill_says_that_calls_without_usage_are_in_its_tokens_per_call(ledger: Connection) -> None:
    assert "a call that told no usage for 0 tokens" in made(ledger, "tenants", HALF).tables[0].note


def test_what_nobody_knows_the_price_of_is_in_no_table_a_cost_of_nothing(tmp_path: Path) -> None:
    engine = database.engine(f"sqlite://{tmp_path}/calls.sqlite")
    migrate(engine)
    calls = [
        Entry(str(n), (UNTIL - 60 * n) * NANO, (UNTIL - 60 * n + 1) * NANO, "chat", "openai", cost=cost, tenant=tenant,
              usage=Usage(10, 5), price_status="unpriced" if cost is None else "priced", request_model="m")
        for n, (tenant, cost) in enumerate([("dark", None), ("dark", None), ("both", None), ("both", 4_000)], 1)
    ]  # fmt: skip
    write(engine, calls)
    hour = Period.of(UNTIL - 3600, UNTIL, UNTIL)
    with engine.connect() as connection:
        whole, dark = made(connection, "all", hour), made(connection, "all", hour, Filter(tenant="dark"))
    for name in ("by-tenant", "bill"):
        found = {row["tenant"]: (row["cost_usd"], row["unpriced_calls"]) for row in records(whole, name)}
        assert found == {"dark": (None, 2), "both": (4_000, 1)}
    means = {row["tenant"]: (row["mean_cost_usd"], row["share"]) for row in records(whole, "by-tenant")}
    assert means == {"dark": (None, None), "both": (4_000, 1.0)}
    assert [(row["cost_usd"], row["unpriced_calls"]) for row in records(dark, "daily")][-1] == (None, 2)
    [summary], [month] = records(dark, "summary"), records(dark, "month")
    assert (summary["cost_usd"], summary["mean_cost_usd"], summary["change"]) == (None, None, None)
    assert set(month.values()) == {None}


def test_days_without_calls_are_listed_with_nothing(ledger: Connection) -> None:
    said = records(made(ledger, "cost", Period.of(UNTIL - DAY, UNTIL + 2 * DAY, UNTIL + 2 * DAY)), "daily")
    assert [row["cost_usd"] == 0 for row in said[-2:]] == [True, True]
    assert sum(row["cost_usd"] for row in said) > 0


def test_how_operations_went_is_told_with_schemas_and_answers_cut_off(ledger: Connection) -> None:
    found = left(oracle.matching(ENTRIES, HALF.window, ALL))
    for row in records(made(ledger, "quality", HALF), "operations"):
        mine = [entry for entry in found if entry.operation == row["operation"]]
        judged = [entry.schema_valid for entry in mine if entry.schema_valid is not None]
        assert row["calls"] == len(mine)
        assert row["error_rate"] == sum(entry.status in ("error", "timeout") for entry in mine) / len(mine)
        assert row["schema_valid_rate"] == (sum(judged) / len(judged) if judged else None)
        assert row["cut_off_rate"] == sum(entry.finish_reason == "length" for entry in mine) / len(mine)
        assert (row["estimated"], row["suspect"]) == (
            sum(entry.estimated for entry in mine),
            sum(entry.suspect for entry in mine),
        )


def test_the_month_goes_on_at_the_rate_since_the_first_call(tmp_path: Path) -> None:
    engine = database.engine(f"sqlite://{tmp_path}/calls.sqlite")
    migrate(engine)
    noon = 1_793_534_400  # 2026-11-01T12:00Z
    write(engine, [Entry("a", noon * NANO, (noon + 1) * NANO, "chat", "openai", cost=3 * NANO, price_status="priced")])
    now = noon + 2 * DAY
    with engine.connect() as connection:
        report = made(connection, "cost", Period.of(now - 7 * DAY, now, now))
    [month] = records(report, "month")
    assert month["month_so_far_usd"] == 3 * NANO
    assert month["month_estimate_usd"] == 3 * NANO + round(1.5 * NANO * 27.5)
    assert "At the rate of the last 2 days;" in next(table.note for table in report.tables if table.name == "month")


def test_minutes_of_a_first_day_are_not_the_rate_of_a_month(tmp_path: Path) -> None:
    engine = database.engine(f"sqlite://{tmp_path}/calls.sqlite")
    migrate(engine)
    noon = 1_793_534_400
    write(engine, [Entry("a", noon * NANO, (noon + 1) * NANO, "chat", "openai", cost=3 * NANO, price_status="priced")])
    with engine.connect() as connection:
        [week] = records(made(connection, "cost", Period.of(noon - 7 * DAY, noon + 600, noon + 600)), "month")
        [hour] = records(made(connection, "cost", Period.of(noon - 3000, noon + 600, noon + 600)), "month")
    left = 29.5 * DAY - 600
    assert week["month_estimate_usd"] == 3 * NANO + round(3 * NANO * left / DAY), "a day's worth a day"
    assert hour["month_estimate_usd"] == 3 * NANO + round(3 * NANO * left / 3600), "an hour was asked for"


def test_scores_are_those_of_the_chosen_calls(tmp_path: Path) -> None:
    engine = database.engine(f"sqlite://{tmp_path}/calls.sqlite")
    migrate(engine)
    write(engine, [Entry(name, BEGIN, BEGIN, "chat", "openai", tenant=name) for name in ("acme", "globex")])
    rows = [("1", "acme", 0.5), ("2", "acme", 1.0), ("3", "globex", 0.0), ("4", None, 0.25)]
    with engine.begin() as connection:
        connection.execute(
            insert(schema.scores), [{"id": i, "at": BEGIN, "call": c, "name": "exact", "value": v} for i, c, v in rows]
        )
        period = Period.of(SINCE, UNTIL, UNTIL)
        assert records(made(connection, "quality", period), "scores") == [
            {"name": "exact", "count": 4, "mean": 0.4375, "min": 0.0, "max": 1.0}
        ]
        assert records(made(connection, "quality", period, Filter(tenant="acme")), "scores") == [
            {"name": "exact", "count": 2, "mean": 0.75, "min": 0.5, "max": 1.0}
        ]


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_time_is_told_as_such(ledger: Connection, kind: Any) -> None:
    report = made(ledger, kind, Period.of(UNTIL + 10 * DAY, UNTIL + 11 * DAY, UNTIL + 11 * DAY))
    for table in report.tables:
        assert all(len(row) == len(table.columns) for row in table.rows)
        assert table.name in ("summary", "month", "daily") or table.rows == ()
