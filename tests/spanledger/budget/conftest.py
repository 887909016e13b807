"""Every store there is, to be asked the same questions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.budget_machine import Clock, Factory

from spanledger.budget.memory import MemoryStore
from spanledger.budget.sqlite import SqliteStore
from spanledger.budget.store import Store


def _memory(clock: Callable[[], float], _: Path) -> Store:
    return MemoryStore(clock=clock)


def _sqlite(clock: Callable[[], float], folder: Path) -> Store:
    folder.mkdir(exist_ok=True)
    number = sum(1 for _ in folder.glob("*.sqlite"))
    return SqliteStore(folder / f"{number}.sqlite", clock=clock)


STORES = {"memory": _memory, "sqlite": _sqlite}


@pytest.fixture(params=list(STORES))
def factory(request: pytest.FixtureRequest, tmp_path: Path) -> Factory:
    """Makes a new, empty store that goes by a clock."""
    make = STORES[request.param]
    return lambda clock: make(clock, tmp_path / "stores")


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
