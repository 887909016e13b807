"""`spanledger doctor` on the store and the ledger: which, whether they answer, and what there is to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.support import ledger_databases
from tests.support.postgres import postgres as started
from tests.support.redis_server import RedisServer

from spanledger import config
from spanledger.budget.sqlite import SqliteStore
from spanledger.budget.store import Claim, Counter
from spanledger.cli.kept import kept
from spanledger.ledger import database
from spanledger.ledger.migrate import migrate
from spanledger.ledger.opening import outbox_of


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with started() as server:
        yield server


def found(topic: str, *, budgeted: bool = True, **said: str) -> list[tuple[str, str]]:
    """What is found on a topic under these settings."""
    settings = config.read({f"SPANLEDGER_{name.upper()}": value for name, value in said.items()})
    return [(one.state, one.text) for one in kept(settings, budgeted=budgeted) if one.topic == topic]


def test_what_is_not_there_yet_is_no_trouble_and_is_not_made(tmp_path: Path) -> None:
    store = f"sqlite://{tmp_path}/budgets.sqlite"
    assert found("store", store=store) == [("ok", f"{tmp_path}/budgets.sqlite: made with the first call")]
    assert found("ledger", store=store) == [("ok", f"{tmp_path}/calls.sqlite: made with the first call")]
    assert list(tmp_path.iterdir()) == []


def test_without_a_budget_nothing_is_kept() -> None:
    assert found("store", budgeted=False) == [("ok", "none: no budget is set")]
    assert found("ledger", budgeted=False) == [("note", "none is kept; see SPANLEDGER_DATABASE_URL")]


def test_a_store_in_a_file_answers_or_says_what_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "budgets.sqlite"
    store = SqliteStore(file)
    store.settle("one", [Claim(Counter("run", "r", "r"), 0)], [1])
    store.close()
    assert found("store", store=f"sqlite://{file}") == [("ok", f"{file} answers")]
    file.write_bytes(b"something else" * 100)
    [(state, said)] = found("store", store=f"sqlite://{file}")
    assert (state, "hard budgets refuse" in said) == ("problem", True)


def test_a_store_on_a_server_is_told_without_its_password(tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    server.start()
    url = server.url
    [(state, said)] = found("store", store=url)
    server.stop()
    assert (state, said) == ("ok", f"{url} answers")
    [(state, said)] = found("store", store=url.replace("//", "//:secret@"))
    assert (state, "secret" in said) == ("problem", False)


def test_a_ledger_in_a_file_tells_its_version_and_what_waits_for_it(tmp_path: Path) -> None:
    url = f"sqlite://{tmp_path}/calls.sqlite"
    with sqlite3.connect(tmp_path / "calls.sqlite"):
        pass
    (tmp_path / "calls.sqlite").touch()
    [(state, said)] = found("ledger", database_url=url)
    assert (state, said.endswith("of version None, not 0001: the next process brings them to it")) == ("note", True)
    migrate(database.engine(url))
    outbox_of(url).mkdir()
    (outbox_of(url) / "1-a.jsonl").write_bytes(b"{}\n{}\n")
    answers, waits = found("ledger", database_url=url)
    assert answers == ("ok", f"sqlite:///{tmp_path}/calls.sqlite answers, its tables are of version 0001")
    assert waits[1].startswith("up to 2 lines wait in ")


def test_a_ledger_on_a_server_says_when_it_is_to_be_migrated(postgres: str) -> None:
    url = ledger_databases.database(postgres).replace("//app@", "//app:secret@")
    [(state, said)] = found("ledger", database_url=url)
    assert (state, said.endswith("not 0001; run: spanledger ledger migrate")) == ("problem", True)
    made = database.engine(url)
    migrate(made)
    [(state, said)] = found("ledger", database_url=url)
    assert (state, said) == ("ok", f"{url.replace('secret', '***')} answers, its tables are of version 0001")
    with made.begin() as connection:
        connection.execute(text("UPDATE ledger_version SET version_num = '0999'"))
    [(state, said)] = found("ledger", database_url=url)
    assert (state, said.endswith("update spanledger")) == ("problem", True)


def test_a_server_that_does_not_answer_is_a_problem_without_its_password() -> None:
    [(state, said)] = found("ledger", database_url="postgresql://app:secret@127.0.0.1:1/ledger")
    assert (state, "cannot be used" in said, "secret" in said) == ("problem", True, False)
