"""Services over the same random calls, on both kinds of database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, insert
from tests.support import ledger_databases
from tests.support.entries import BEGIN, DAYS, NANO, entries
from tests.support.postgres import postgres as started
from tests.support.serving import asking, serving

from spanledger.ledger import CacheEvent, database, schema
from spanledger.ledger.migrate import migrate
from spanledger.ledger.writes import write

ENTRIES = list(entries(7, 2500))
LAYERS = ("l1", "l2", "prompt", "semantic")
_STEP, _TENANTS = DAYS * 86_400 * NANO // 200, ("acme", "globex", None)
EVENTS = [CacheEvent(str(n), BEGIN + n * _STEP, LAYERS[n % 4], n % 3 == 0, tenant=_TENANTS[n % 3]) for n in range(200)]


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    with started() as server:
        yield server


def filled(url: str) -> Engine:
    engine = database.engine(url, kept=4)
    migrate(engine)
    write(engine, ENTRIES)
    write(engine, EVENTS)
    marks = [
        {"id": str(n), "at": one.started, "call": one.id, "name": ("quality", "refined")[n % 2], "value": n % 5}
        for n, one in enumerate(ENTRIES[:100])
    ]
    with engine.begin() as connection:
        connection.execute(insert(schema.scores), marks)
    return engine


@pytest.fixture(scope="package", params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The ledger of the random calls."""
    if request.param == "sqlite":
        url = f"sqlite://{tmp_path_factory.mktemp('ledger')}/calls.sqlite"
    else:
        url = ledger_databases.database(request.getfixturevalue("postgres"))
    made = filled(url)
    yield made
    made.dispose()


@pytest.fixture(scope="package")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The same in a file, for what has nothing to do with the database."""
    folder: Path = tmp_path_factory.mktemp("ledger")
    made = filled(f"sqlite://{folder}/calls.sqlite")
    yield made
    made.dispose()


@pytest.fixture
def client(small: Engine) -> TestClient:
    """Somebody on this host, where no tokens are set."""
    return asking(serving(small))
