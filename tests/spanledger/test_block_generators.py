"""Decorated generators: scope and span hold while their own code runs, and nowhere else."""

from __future__ import annotations

import asyncio
import copy
import inspect
import pickle
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager

import pytest
from opentelemetry import trace
from tests.support.telemetry import Telemetry
from tests.support.tracing import Called, call, paths

from spanledger import scope
from spanledger.block import run, stage


@pytest.fixture(autouse=True)
def _current(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", telemetry.provider)


@stage("decorated")
def module_level() -> Generator[int, None, None]:
    yield 1


def test_a_generator_runs_inside_and_its_consumer_outside(telemetry: Telemetry) -> None:
    @stage("tokens")
    def tokens() -> Generator[str | None, str, str]:
        call()
        got = yield scope.current().stage
        call()
        yield got
        return "done"

    with run("r"):
        made = tokens()
    assert paths(telemetry.spans) == ["run"]
    assert next(made) == "tokens"
    assert scope.current() == scope.EMPTY
    call()
    assert made.send("sent") == "sent"
    with pytest.raises(StopIteration) as done:
        next(made)
    assert done.value.value == "done"
    assert paths(telemetry.spans) == ["call", "run", "run > tokens", "run > tokens > call", "run > tokens > call"]


def test_an_async_generator_runs_inside_and_its_consumers_outside(telemetry: Telemetry) -> None:
    @stage("tokens")
    async def tokens() -> AsyncGenerator[Called, None]:
        for _ in range(3):
            await asyncio.sleep(0)
            yield call()

    async def main() -> list[Called]:
        with run("r"):
            made = tokens()
        first = await asyncio.create_task(anext(made))
        assert scope.current() == scope.EMPTY
        with run("consumer"):
            second = await anext(made)
            assert scope.current().run == "consumer"
        return [first, second, *[item async for item in made]]

    assert {(c.scope.run, c.scope.stage) for c in asyncio.run(main())} == {("r", "tokens")}
    assert paths(telemetry.spans) == ["run", "run", "run > tokens", *["run > tokens > call"] * 3]


def test_a_generator_can_be_consumed_in_other_threads(telemetry: Telemetry) -> None:
    @stage("tokens")
    def tokens() -> Iterator[Called]:
        yield call()
        yield call()

    with run("r"):
        made = tokens()
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as two:
        found = [one.submit(next, made).result(), two.submit(next, made).result()]
        assert two.submit(list, made).result() == []
    assert {(c.scope.run, c.scope.stage) for c in found} == {("r", "tokens")}
    assert paths(telemetry.spans) == ["run", "run > tokens", "run > tokens > call", "run > tokens > call"]


def test_blocks_inside_a_generator_stay_inside_it(telemetry: Telemetry) -> None:
    @stage("outer")
    def items() -> Iterator[str | None]:
        with stage("inner"):
            yield scope.current().stage
            call()
        yield scope.current().stage

    made = items()
    assert next(made) == "inner"
    assert scope.current() == scope.EMPTY
    assert list(made) == ["outer"]
    assert paths(telemetry.spans) == ["outer", "outer > inner", "outer > inner > call"]


def test_decorated_generators_are_known_as_such_and_pickle_by_name() -> None:
    @stage("later")
    async def later() -> AsyncIterator[int]:
        yield 1

    assert inspect.isgeneratorfunction(module_level)
    assert inspect.isgenerator(module_level())
    assert inspect.isasyncgenfunction(later)
    assert pickle.loads(pickle.dumps(module_level)) is module_level
    assert copy.deepcopy(module_level) is module_level


def test_decorated_generators_make_context_managers() -> None:
    @contextmanager
    @stage("sync")
    def managed() -> Iterator[str | None]:
        yield scope.current().stage

    @asynccontextmanager
    @stage("async")
    async def managed_later() -> AsyncIterator[str | None]:
        yield scope.current().stage

    async def main() -> str | None:
        async with managed_later() as found:
            return found

    with managed() as found:
        assert found == "sync"
    assert asyncio.run(main()) == "async"
