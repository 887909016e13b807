"""A whole ledger taken along: another database gives the same answers, and a file that is wrong is told where."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select
from tests.support.entries import BEGIN, DAYS, entries

from spanledger.errors import ConfigError
from spanledger.ledger import CacheEvent, database, exchange, schema
from spanledger.ledger.migrate import migrate
from spanledger.ledger.questions import caches, queries, runs
from spanledger.ledger.questions.filters import ALL, Filter, Window
from spanledger.ledger.retention import Keep, prune
from spanledger.ledger.writes import write

NANO = 1_000_000_000
WINDOW = Window.of(BEGIN // NANO - 60, BEGIN // NANO + (DAYS + 1) * 86_400)
FILTERS = (ALL, Filter(tenant="acme"), Filter(service="web", user="ann"))
#: In CSV a text that is empty is as one that nobody gave; all questions take them as the same.
TOLD = [entry._replace(tenant=entry.tenant or None) for entry in entries(5, 200)]
BY_NAME = {table.name: table for table in exchange.TABLES}


def events(count: int) -> list[CacheEvent]:
    dice = random.Random(1)
    return [
        CacheEvent(
            f"event-{number}", BEGIN + dice.randrange(DAYS * 86_400 * NANO), dice.choice(("l1", "l2", 'a,"b\n')),
            dice.random() < 0.4, stage=dice.choice(("plan", None)), tenant=dice.choice(("acme", None)), saved=number,
        )
        for number in range(count)
    ]  # fmt: skip


def scores(count: int) -> list[dict[str, Any]]:
    """Half of them of calls, half of runs."""
    dice = random.Random(2)
    return [
        {
            "id": f"score-{number}", "at": BEGIN + number * NANO, "name": dice.choice(("exact", "tone")),
            "value": dice.randrange(16) / 16, "comment": "line\r\nbreak",
            "call": dice.choice(TOLD).id if number % 2 else None, "run": None if number % 2 else f"run-{number % 40}",
        }
        for number in range(count)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """A ledger whose calls came in no order: its runs know what their first call said, not their earliest."""
    made = database.engine(f"sqlite://{tmp_path_factory.mktemp('ledger')}/source.sqlite")
    migrate(made)
    shuffled = random.Random(3).sample(TOLD, len(TOLD))
    for first in range(0, len(shuffled), 100):
        write(made, shuffled[first : first + 100])
    write(made, events(300))
    with made.begin() as connection:
        connection.execute(insert(schema.scores), scores(200))
    return made


def exported(engine: Engine, format_: Any) -> dict[str, bytes]:
    found = {}
    for table in exchange.TABLES:
        out = io.BytesIO()
        with database.reading(engine) as connection:
            exchange.save(table.rows(connection, 0, 2**62), out, format_, table)
        found[table.name] = out.getvalue()
    return found


def brought(engine: Engine, files: dict[str, bytes], format_: Any) -> dict[str, int]:
    """How many rows of each table were new."""
    return {
        table.name: table.bring(engine, list(exchange.load(io.BytesIO(files[table.name]), format_, table)))
        for table in exchange.TABLES
    }


def answers(engine: Engine) -> list[Any]:
    """All that the ledger can be asked."""
    found: list[Any] = []
    with database.reading(engine) as connection:
        for only in FILTERS:
            asked: list[Callable[..., Any]] = [
                queries.totals, queries.daily, queries.percentiles, queries.operations, caches.hits, caches.marks,
            ]  # fmt: skip
            found += [ask(connection, WINDOW, only) for ask in asked if ask is not caches.hits or caches.answers(only)]
            found += [queries.by(connection, group, WINDOW, only) for group in queries.GROUPS]
            found.append(queries.latencies(connection, (None, "model", "user", "day"), WINDOW, only))
            found += [queries.projection(connection, WINDOW.until, only), runs.page(connection, WINDOW, only)]
        found.append(queries.tenants(connection, WINDOW))
        found.append(connection.execute(select(schema.charges).order_by(*schema.charges.primary_key)).all())
    return found


@pytest.mark.parametrize("format_", exchange.FORMATS)
def test_another_database_gives_the_same_answers_however_often_files_are_brought(
    source: Engine, engine: Engine, format_: str
) -> None:
    files = exported(source, format_)
    new = brought(engine, files, format_)
    assert new == {"runs": len({entry.run for entry in TOLD}), "calls": len(TOLD), "cache_events": 300, "scores": 200}
    same = answers(source)
    assert answers(engine) == same
    assert set(brought(engine, files, format_).values()) == {0}
    assert answers(engine) == same
    assert exported(engine, format_) == files


def test_a_span_of_time_is_taken_of_every_table(source: Engine) -> None:
    with database.reading(source) as connection:
        for table in exchange.TABLES:
            found = list(table.rows(connection, BEGIN, BEGIN + 60 * NANO))
            times = [getattr(one, "started", None) or one.at for one in found]
            assert times == sorted(times)
            assert all(BEGIN <= at < BEGIN + 60 * NANO for at in times)


CALL = {"id": "a", "started": 1, "ended": 2, "operation": "chat", "provider": "openai"}
EVENT = {"id": "a", "at": 1, "layer": "l1", "hit": True}


@pytest.mark.parametrize(
    ("table", "said", "reason"),
    [
        ("calls", {"id": "a", "started": 1, "ended": 2, "provider": "openai", "cost": 1}, "it lacks operation"),
        ("calls", CALL | {"started": "x"}, "started must be a whole number of 64 bits, not 'x'"),
        ("calls", CALL | {"cost": 0.5}, "cost must be a whole number from 0 to 10000000000000000, not 0.5"),
        ("calls", CALL | {"cost": 2**62}, "cost must be a whole number from 0 to"),
        ("calls", CALL | {"cost": -5}, "cost must be a whole number from 0 to"),
        ("calls", CALL | {"usage": {"output": 2**62}}, "output must be a whole number from 0 to"),
        ("calls", CALL | {"usage": {"input": -3}}, "input must be a whole number from 0 to"),
        ("calls", CALL | {"charges": [["run/run", "r", "r", "USD", -1]]}, "charges: amount must be a whole number"),
        ("calls", CALL | {"attempts": 2**31}, "attempts must be a whole number of 32 bits"),
        ("calls", CALL | {"estimated": 1}, "estimated must be true or false, not 1"),
        ("calls", CALL | {"status": "fine"}, "status must be one of success, error, timeout, refused, lost"),
        ("calls", CALL | {"flags": {"a": 1}}, "flags must be a JSON object of texts"),
        ("calls", CALL | {"usage": {"input": "7"}}, "input must be a whole number"),
        ("calls", CALL | {"usage": {"units": {"images": "7"}}}, "units must be a JSON object of whole numbers"),
        ("calls", CALL | {"usage": 7}, "it cannot be read"),
        ("calls", CALL | {"charges": [["run/run", "r", "r", "USD", 0.5]]}, "charges: amount must be a whole number"),
        ("calls", CALL | {"charges": [["run/run"]]}, "it cannot be read"),
        ("calls", CALL | {"id": ""}, "id is empty"),
        ("calls", EVENT, "these are cache events, not calls; say --table cache_events"),
        ("cache_events", EVENT | {"hit": None}, "hit is missing"),
        ("cache_events", EVENT | {"hit": "yes"}, "hit must be true or false, not 'yes'"),
        ("scores", {"id": "a", "at": 1, "name": "exact", "value": float("nan")}, "value must be a number, not nan"),
        ("runs", CALL, "these are calls, not runs; say --table calls"),
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_is_told_with_its_number_and_what_is_wrong(table: str, said: Any, reason: str) -> None:
    good = {
        "calls": CALL, "cache_events": EVENT, "scores": {"id": "b", "at": 1, "name": "exact", "value": 1},
        "runs": {"id": "r", "started": 1, "ended": 2, "tenant": "acme"},
    }[table]  # fmt: skip
    file = io.BytesIO(f"{json.dumps(good)}\n\n{json.dumps(said)}\n".encode())
    with pytest.raises(ConfigError) as told:
        list(exchange.load(file, "jsonl", BY_NAME[table]))
    assert str(told.value).startswith("line 3: ")
    assert reason in str(told.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "line 1: for cache events it lacks id, at, layer, hit"),
        (b"id,at,layer\n", "line 1: for cache events it lacks hit"),
        (b"id,started,ended,service,tenant,user\n", "line 1: these are runs, not cache events; say --table runs"),
        (b"id,at,layer,hit\na,1,l1,true\nb,1.79E+18,l1,false\n", "line 3: at must be a whole number of 64 bits"),
        (b"id,at,layer,hit\na,1,l1,perhaps\n", "line 2: hit must be true or false, not 'perhaps'"),
        (b"id,at,layer,hit\na,1,l1\n", "line 2: it has 3 cells, the first line names 4 columns"),
        (b"id,at,layer,hit\na,1,l\xff,true\n", "line 2: this is no UTF-8"),
        (b"id,at,layer,hit\na\rb,1,l1,true\n", "this is no CSV"),
    ],
)
def test_a_csv_that_cannot_be_is_told_with_its_line_and_what_is_wrong(text: bytes, reason: str) -> None:
    with pytest.raises(ConfigError) as told:
        list(exchange.load(io.BytesIO(text), "csv", BY_NAME["cache_events"]))
    assert reason in str(told.value)


def test_a_csv_that_a_spreadsheet_saved_is_read() -> None:
    text = "\ufeffid,at,layer,hit\r\na,7,l1,TRUE\r\n\r\nb,8,,FALSE\r\n".encode()
    assert list(exchange.load(io.BytesIO(text), "csv", BY_NAME["cache_events"])) == [
        CacheEvent("a", 7, "l1", hit=True), CacheEvent("b", 8, "", hit=False),
    ]  # fmt: skip


def test_a_parquet_file_of_something_else_is_told_as_such(source: Engine) -> None:
    files = exported(source, "parquet")
    with pytest.raises(ConfigError, match="its schema: these are scores, not calls; say --table scores"):
        list(exchange.load(io.BytesIO(files["scores"]), "parquet"))
    with pytest.raises(ConfigError, match="this is no Parquet file"):
        list(exchange.load(io.BytesIO(files["scores"][:-9]), "parquet"))


def test_a_run_comes_along_whose_calls_are_forgotten(source: Engine, engine: Engine) -> None:
    prune(source, Keep(calls=1, runs=None, scores=None), BEGIN / NANO + 10 * 86_400)  # the last test of this ledger
    brought(engine, exported(source, "jsonl"), "jsonl")
    of_service = Filter(service="web")
    with database.reading(source) as here, database.reading(engine) as there:
        marks = caches.marks(here, WINDOW, of_service)
        assert marks
        assert caches.marks(there, WINDOW, of_service) == marks
