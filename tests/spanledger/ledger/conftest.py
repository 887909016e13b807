"""Ledgers in a file and on a server, with the tables in them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from tests.support import ledger_databases
from tests.support.postgres import postgres as started

from spanledger.ledger import database
from spanledger.ledger.migrate import migrate


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    with started() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite://{tmp_path}/calls.sqlite"
    return ledger_databases.database(request.getfixturevalue("postgres"))


@pytest.fixture
def engine(url: str) -> Engine:
    """A ledger without a call."""
    made = database.engine(url)
    migrate(made)
    return made
