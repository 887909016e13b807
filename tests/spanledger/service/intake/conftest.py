"""A ledger in a file that spans come into, directly and over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from tests.support.sending import Taking

from spanledger.budget.memory import MemoryStore
from spanledger.config import Settings
from spanledger.ledger import database
from spanledger.ledger.migrate import migrate
from spanledger.service.app import create
from spanledger.service.books import Books


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = database.engine(f"sqlite://{tmp_path}/calls.sqlite", kept=4)
    migrate(made)
    yield made
    made.dispose()


@pytest.fixture
def taking(engine: Engine) -> Taking:
    return Taking(engine)


@pytest.fixture
def door(engine: Engine) -> TestClient:
    """Somebody on this host."""
    app = create(Settings(service_rate="1000000/second"), engine, Books(MemoryStore()))
    return TestClient(app, "http://127.0.0.1:8320", raise_server_exceptions=False)
