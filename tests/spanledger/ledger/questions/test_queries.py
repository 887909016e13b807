"""Questions to the ledger: the answers are those of a plain loop over all calls, to the nano-USD."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, insert
from tests.support import ledger_databases
from tests.support import ledger_oracle as oracle
from tests.support.entries import BEGIN, DAYS, entries

from spanledger.ledger import CacheEvent, Entry, database, schema
from spanledger.ledger.migrate import migrate
from spanledger.ledger.questions import caches, queries, runs, singles
from spanledger.ledger.questions.filters import Filter, Window
from spanledger.ledger.questions.listing import PAGE, call, page, trace
from spanledger.ledger.questions.results import Hits, Totals
from spanledger.ledger.sums.closing import close_all
from spanledger.ledger.writes import write

NANO = 1_000_000_000
ENTRIES = list(entries(42, 4000))
SINCE, UNTIL = BEGIN // NANO, BEGIN // NANO + DAYS * 86_400
WHOLE = Window.of(SINCE, UNTIL)
#: After how many calls minutes are closed, and up to which second: what is told later belongs before and after it.
CLOSED = {1400: 1.3 * 86_400, 2800: (DAYS - 1) * 86_400 + 5000}
QUESTIONS = settings(max_examples=60)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def ledger(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """Some thousand calls, told in batches out of order, some of them twice."""
    folder: Path = tmp_path_factory.mktemp("ledger")
    url = f"sqlite://{folder}/calls.sqlite"
    if request.param == "postgresql":
        url = ledger_databases.database(request.getfixturevalue("postgres"))
    engine = database.engine(url)
    migrate(engine)
    told = random.Random(1).sample(ENTRIES, len(ENTRIES))
    for first in range(0, len(told), 700):
        write(engine, told[max(0, first - 50) : first + 700])
        if first in CLOSED:
            close_all(engine, SINCE + CLOSED[first])
    with engine.connect().execution_options(reads=True) as connection:
        yield connection


@st.composite
def questions(draw: st.DrawFn) -> tuple[Window, Filter]:
    since = draw(st.integers(SINCE - 4000, UNTIL + 4000))
    window = Window.of(since, since + draw(st.sampled_from((0, 300, 900, 3600, 21_600, 86_400, 3 * 86_400))))
    names = draw(st.sets(st.sampled_from(Filter.__slots__), max_size=2))
    return window, Filter(**{name: oracle.value(draw(st.sampled_from(ENTRIES)), name) for name in names})


@QUESTIONS
@given(asked=questions())
def test_sums_and_percentiles_are_those_of_a_loop_over_all_calls(
    ledger: Connection, asked: tuple[Window, Filter]
) -> None:
    found = oracle.matching(ENTRIES, *asked)
    assert queries.totals(ledger, *asked) == oracle.totals(found)
    took, answer = oracle.latencies(found), queries.percentiles(ledger, *asked)
    for quantile, share in ((answer.p50, 0.5), (answer.p95, 0.95), (answer.p99, 0.99)):
        assert oracle.near(quantile, took, share)


@QUESTIONS
@given(asked=questions(), group=st.sampled_from(queries.GROUPS))
def test_groups_are_those_of_a_loop_over_all_calls(
    ledger: Connection, asked: tuple[Window, Filter], group: str
) -> None:
    found = oracle.matching(ENTRIES, *asked)
    assert queries.by(ledger, group, *asked) == oracle.grouped(found, lambda entry: oracle.value(entry, group))
    own: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in found:
        own[oracle.value(entry, group)].append(entry)
    for key, took in queries.percentiles_by(ledger, group, *asked).items():
        assert oracle.near(took.p95, oracle.latencies(own[key]), 0.95)


@QUESTIONS
@given(asked=questions(), groups=st.sets(st.sampled_from((None, *queries.GROUPS)), max_size=4))
def test_several_groups_at_once_are_each_of_them_alone(
    ledger: Connection, asked: tuple[Window, Filter], groups: set[str | None]
) -> None:
    for ask in (queries.each, queries.latencies):
        assert ask(ledger, groups, *asked) == {group: ask(ledger, (group,), *asked)[group] for group in groups}


@QUESTIONS
@given(asked=questions(), limit=st.integers(1, 300))
def test_pages_show_every_call_once_the_latest_first(
    ledger: Connection, asked: tuple[Window, Filter], limit: int
) -> None:
    expected = sorted(oracle.matching(ENTRIES, *asked), key=lambda entry: (entry.started, entry.id), reverse=True)
    found, after = [], None
    for _ in range(3):
        shown = page(ledger, *asked, after=after, limit=limit)
        found += [call.id for call in shown.calls]
        after = shown.after
        if after is None:
            break
    assert found == [entry.id for entry in expected[: 3 * limit]]
    assert (after is None) == (len(expected) <= 3 * limit)


def test_operations_are_listed_by_what_they_cost(ledger: Connection) -> None:
    found = queries.operations(ledger, WHOLE, limit=2)
    by_cost = sorted(oracle.grouped(ENTRIES, lambda e: e.operation).items(), key=lambda one: -one[1].cost)
    assert [(one.name, one.totals) for one in found] == by_cost[:2]
    for one in found:
        took = oracle.latencies(entry for entry in ENTRIES if entry.operation == one.name)
        assert oracle.near(one.latency.p95, took, 0.95)


def test_days_without_calls_are_there_and_empty(ledger: Connection) -> None:
    found = queries.daily(ledger, Window.of(SINCE - 86_400, UNTIL + 86_400))
    assert [day % 86_400 for day in found] == [0] * len(found)
    assert next(iter(found.values())) == Totals()
    assert sum(found.values(), Totals()) == oracle.totals(ENTRIES)


def test_tenants_are_those_that_were_served(ledger: Connection) -> None:
    assert queries.tenants(ledger, WHOLE) == ("", "acme", "globex")


def test_a_run_and_a_trace_have_their_calls_in_order(ledger: Connection) -> None:
    of_run = [entry for entry in ENTRIES if entry.run == "run-7"]
    found = runs.calls_of(ledger, "run-7")
    assert [call.id for call in found] == [e.id for e in sorted(of_run, key=lambda e: (e.started, e.id))]
    assert runs.run(ledger, "run-nobody-knows") is None
    of_trace = {entry.id for entry in ENTRIES if entry.trace_id == f"{7:032x}"}
    assert {call.id for call in trace(ledger, f"{7:032x}")} == of_trace


def test_of_a_trace_that_never_ends_the_first_calls_are_read_and_all_are_added_up(tmp_path: Path) -> None:
    calls = [entry._replace(trace_id=f"{1:032x}") for entry in entries(5, 1500)]
    made = database.engine(f"sqlite://{tmp_path}/calls.sqlite")
    migrate(made)
    write(made, calls)
    acme = Filter(tenant="acme")
    with database.reading(made) as connection:
        assert len(trace(connection, f"{1:032x}")) == PAGE
        assert singles.of_trace(connection, f"{1:032x}") == oracle.totals(calls)
        assert singles.of_trace(connection, f"{1:032x}", acme) == oracle.totals(oracle.matching(calls, WHOLE, acme))
        assert singles.of_trace(connection, f"{2:032x}") == Totals()


def test_one_call_is_found_by_its_id_for_those_who_may_see_it(ledger: Connection) -> None:
    one = next(entry for entry in ENTRIES if entry.tenant == "acme")
    found = call(ledger, one.id, Filter(tenant="acme"))
    assert found is not None
    assert found.row["id"] == one.id
    assert call(ledger, one.id, Filter(tenant="globex")) is None


@QUESTIONS
@given(asked=questions(), limit=st.integers(1, 30))
def test_pages_of_runs_show_every_run_once_with_what_its_calls_come_to(
    ledger: Connection, asked: tuple[Window, Filter], limit: int
) -> None:
    expected = oracle.runs(ENTRIES, *asked)
    found: list[runs.Run] = []
    after = None
    while True:
        shown = runs.page(ledger, *asked, after=after, limit=limit)
        found += shown.runs
        if (after := shown.after) is None:
            break
    assert [one.id for one in found] == [id_ for id_, _ in expected]
    for one, (_, own) in zip(found, expected, strict=True):
        sums = oracle.totals(own)
        assert (one.calls, one.refused, one.errors, one.lost) == (
            sums.calls, sums.refused, sums.errors + sums.timeouts, sums.lost,
        )  # fmt: skip
        assert (one.cost, one.unpriced, one.input, one.output) == (sums.cost, sums.unpriced, sums.input, sums.output)
        assert (one.started, one.ended) == (min(e.started for e in own), max(e.ended for e in own))
        assert runs.run(ledger, one.id, asked[1]) == one


@QUESTIONS
@given(asked=questions(), group=st.sampled_from(("model", "tenant", "user")))
def test_percentiles_by_group_are_those_of_a_loop_over_all_calls(
    ledger: Connection, asked: tuple[Window, Filter], group: str
) -> None:
    answer = queries.percentiles_by(ledger, group, *asked)
    found = oracle.matching(ENTRIES, *asked)
    for key in {oracle.value(entry, group) for entry in ENTRIES}:
        took = oracle.latencies(e for e in found if oracle.value(e, group) == key)
        assert oracle.near(answer[key].p95 if key in answer else None, took, 0.95)


def test_keys_whose_calls_are_all_taken_away_again_have_no_percentiles(engine: Any) -> None:
    """The window is a day without its last hours, in which the only calls of a model began."""
    day = SINCE // 86_400 * 86_400
    ats = {"early": day + 3600, "late": day + 86_400 - 60}
    write(engine, [Entry(of, at * NANO, at * NANO + 5, "chat", "openai", request_model=of) for of, at in ats.items()])
    close_all(engine, day + 2 * 86_400)
    with engine.connect().execution_options(reads=True) as connection:
        window = Window(day - 86_400, day + 86_400 - 7200)
        assert queries.percentiles_by(connection, "model", window).keys() == {"early"}
        assert queries.percentiles_by(connection, "day", window).keys() == {"2026-09-21"}


def test_all_rows_add_up_to_what_the_rollups_say(ledger: Connection) -> None:
    window = Window.of(0, UNTIL + 86_400)
    rows = queries.by(ledger, "user", window)  # what sums of single users are made of
    assert sum(rows.values(), Totals()) == queries.totals(ledger, window)


def test_what_cannot_be_grouped_by_is_named(ledger: Connection) -> None:
    with pytest.raises(ValueError, match="take one of service"):
        queries.by(ledger, "weekday", WHOLE)


def test_caches_and_marks_are_those_of_the_calls_that_are_asked_about(engine: Any) -> None:
    write(engine, [Entry("c1", BEGIN, BEGIN, "chat", "openai", tenant="acme", run="r1")])
    write(engine, [Entry("c2", BEGIN, BEGIN, "chat", "openai", tenant="globex", run="r2")])
    write(engine, [CacheEvent(str(n), BEGIN, "l1", hit=True, tenant=t) for n, t in enumerate(("acme", None))])
    said = [("1", "c1", None, 8.0), ("2", "c2", None, 6.0), ("3", None, "r1", 4.0)]
    marks = [{"id": i, "at": BEGIN, "call": c, "run": r, "name": "quality", "value": v} for i, c, r, v in said]
    with engine.begin() as connection:
        connection.execute(insert(schema.scores), marks)
        assert caches.hits(connection, WHOLE, Filter(tenant="acme")) == {"l1": Hits(1, 0)}
        assert caches.hits(connection, WHOLE, Filter(tenant="")) == {"l1": Hits(1, 0)}
        assert caches.marks(connection, WHOLE) == {"quality": caches.Marks(3, 6.0, 4.0, 8.0, 3)}
        assert caches.marks(connection, WHOLE, Filter(tenant="acme"))["quality"].mean == 6.0
        assert caches.marks(connection, WHOLE, Filter(tenant="acme", operation="chat"))["quality"].count == 1
    assert caches.answers(Filter(tenant="acme", stage="plan"))
    assert not caches.answers(Filter(model="gpt-4o"))


def test_what_is_ahead_is_told_by_the_days_before(engine: Any) -> None:
    day, noon = 86_400, 43_200
    today = SINCE // day * day
    spent = [(today - n * day + at, usd) for n in range(1, 8) for at, usd in ((3600, 1), (noon + 3600, 3))]
    spent.append((today + 1800, 2))
    told = [
        Entry(str(n), at * NANO, at * NANO, "chat", "openai", user="u-1", cost=usd * NANO, price_status="priced")
        for n, (at, usd) in enumerate(spent)
    ]
    write(engine, told)
    with engine.connect() as connection:
        found = queries.projection(connection, today + noon)
        assert queries.projection(connection, today + noon, Filter(user="u-1")) == found, "read from rows"
        assert queries.projection(connection, today + noon, Filter(user="u-2")).rows == 0
    assert (found.days, found.rows) == (7, 1)
    assert (found.cost, found.today, found.of_today) == (28 * NANO, 2 * NANO, 8 * NANO)
    assert found.monthly == 120 * NANO
