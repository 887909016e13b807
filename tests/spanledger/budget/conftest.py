"""Every store there is, to be asked the same questions."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.budget_machine import Clock, Factory
from tests.support.redis_server import RedisServer

from spanledger.budget.memory import MemoryStore
from spanledger.budget.redis import RedisStore
from spanledger.budget.sqlite import SqliteStore
from spanledger.budget.store import Store


def _memory(clock: Callable[[], float], _: Path) -> Store:
    return MemoryStore(clock=clock)


def _sqlite(clock: Callable[[], float], folder: Path) -> Store:
    folder.mkdir(exist_ok=True)
    number = sum(1 for _ in folder.glob("*.sqlite"))
    return SqliteStore(folder / f"{number}.sqlite", clock=clock)


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis for all tests that do nothing to the server itself."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis_url(redis_server: RedisServer) -> Callable[[], str]:
    """Names a new, empty store in that Redis each time."""
    return lambda: f"{redis_server.url}?prefix=test-{uuid.uuid4().hex}"


@pytest.fixture(params=["memory", "sqlite", "redis"])
def factory(request: pytest.FixtureRequest, tmp_path: Path) -> Factory:
    """Makes a new, empty store that goes by a clock."""
    if request.param == "memory":
        return lambda clock: _memory(clock, tmp_path)
    if request.param == "sqlite":
        return lambda clock: _sqlite(clock, tmp_path / "stores")
    url: Callable[[], str] = request.getfixturevalue("redis_url")
    return lambda clock: RedisStore(url(), clock=clock)


@pytest.fixture
def clock() -> Clock:
    """Time that passes when it is told to."""
    return Clock()


@pytest.fixture
def store(factory: Factory, clock: Clock) -> Iterator[Store]:
    """An empty store of every kind."""
    made = factory(clock)
    yield made
    made.close()
