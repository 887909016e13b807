"""Every store there is, to be asked the same questions."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.budget_machine import Factory
from tests.support.clock import Clock
from tests.support.leasing import Host
from tests.support.redis_server import RedisServer
from tests.support.redis_spending import Start

from spanledger.budget.lease import LeasedStore, Terms
from spanledger.budget.memory import MemoryStore
from spanledger.budget.redis import RedisStore
from spanledger.budget.sqlite import SqliteStore
from spanledger.budget.store import Store


def _memory(clock: Callable[[], float], _: Path) -> MemoryStore:
    return MemoryStore(clock=clock)


def _sqlite(clock: Callable[[], float], folder: Path) -> SqliteStore:
    folder.mkdir(exist_ok=True)
    number = sum(1 for _ in folder.glob("*.sqlite"))
    return SqliteStore(folder / f"{number}.sqlite", clock=clock)


#: No counter is used so often that it is leased: then a leased store is the same as any other.
TERMS = Terms(every=None, warm=1_000)


def _leased_memory(clock: Callable[[], float], folder: Path) -> Store:
    return LeasedStore(_memory(clock, folder), folder / "leases", TERMS, clock)


def _leased_sqlite(clock: Callable[[], float], folder: Path) -> Store:
    return LeasedStore(_sqlite(clock, folder), folder / "leases", TERMS, clock)


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


@pytest.fixture(params=["memory", "sqlite", "redis", "leased memory", "leased sqlite"])
def factory(request: pytest.FixtureRequest, tmp_path: Path) -> Factory:
    """Makes a new, empty store that goes by a clock."""
    made: dict[str, Callable[[Callable[[], float], Path], Store]] = {
        "memory": _memory,
        "sqlite": _sqlite,
        "leased memory": _leased_memory,
        "leased sqlite": _leased_sqlite,
    }
    if make := made.get(request.param):
        return lambda clock: make(clock, tmp_path / "stores")
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


@pytest.fixture
def host(tmp_path: Path, clock: Clock) -> Iterator[Host]:
    """A host on which processes lease from one file."""
    made = Host(tmp_path, clock)
    yield made
    for store in made.born:
        store.close()
    made.centre.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Servers of the test's own."""
    running: list[RedisServer] = []

    def started(*options: str) -> RedisServer:
        running.append(RedisServer(tmp_path / f"redis-{len(running)}", *options))
        running[-1].start()
        return running[-1]

    yield started
    for one in running:
        one.stop()
