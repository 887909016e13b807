"""The span of a decorated generator ends once, however the generator is left."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from typing import Any

import pytest
from opentelemetry import trace
from tests.support.telemetry import Telemetry
from tests.support.tracing import paths

from spanledger import scope
from spanledger.block import stage
from spanledger.semconv import names


@pytest.fixture(autouse=True)
def _current(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", telemetry.provider)


def test_a_generator_that_is_never_begun_opens_no_span(telemetry: Telemetry) -> None:
    @stage("tokens")
    def tokens() -> Iterator[int]:
        yield 1

    @stage("tokens")
    async def later() -> AsyncIterator[int]:
        yield 1

    tokens()
    later()
    gc.collect()
    assert telemetry.spans == []


def _close(made: Generator[int, None, None]) -> None:
    made.close()
    made.close()


def _throw(made: Generator[int, None, None]) -> None:
    with pytest.raises(KeyError):
        made.throw(KeyError("gone"))


@pytest.mark.parametrize(
    ("leave", "error"),
    [(_close, None), (_throw, "KeyError"), (list, None), (lambda _: None, None)],
    ids=["closed", "thrown into", "exhausted", "dropped"],
)
def test_the_span_of_a_generator_ends_once_however_it_is_left(
    telemetry: Telemetry, leave: Callable[[Generator[int, None, None]], None], error: str | None
) -> None:
    cleaned: list[str | None] = []

    @stage("tokens")
    def tokens() -> Generator[int, None, None]:
        try:
            yield 1
            yield 2
        finally:
            cleaned.append(scope.current().stage)

    made = tokens()
    next(made)
    leave(made)
    del made
    (span,) = telemetry.spans
    assert (span.attributes or {}).get(names.ERROR_TYPE) == error
    assert cleaned == ["tokens"]


def _async_tokens(cleaned: list[str | None]) -> AsyncGenerator[int, None]:
    @stage("tokens")
    async def tokens() -> AsyncGenerator[int, None]:
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0)
            cleaned.append(scope.current().stage)

    return tokens()


async def _aclose(made: AsyncGenerator[int, None]) -> None:
    await made.aclose()


async def _athrow(made: AsyncGenerator[int, None]) -> None:
    with pytest.raises(KeyError):
        await made.athrow(KeyError("gone"))


async def _exhaust(made: AsyncGenerator[int, None]) -> None:
    assert [item async for item in made] == [2]


async def _drop(made: AsyncGenerator[int, None]) -> None:
    """Left to the garbage collector, or to the end of the loop."""


@pytest.mark.parametrize(
    ("leave", "error"),
    [(_aclose, None), (_athrow, "KeyError"), (_exhaust, None), (_drop, None)],
    ids=["closed", "thrown into", "exhausted", "dropped"],
)
def test_the_span_of_an_async_generator_ends_once_however_it_is_left(
    telemetry: Telemetry, leave: Callable[[AsyncGenerator[int, None]], Any], error: str | None
) -> None:
    cleaned: list[str | None] = []

    async def main() -> None:
        made = _async_tokens(cleaned)
        await anext(made)
        await leave(made)
        del made
        async with asyncio.timeout(60):
            while not telemetry.spans:  # noqa: ASYNC110  the loop says nothing when it has closed what was dropped
                await asyncio.sleep(0)

    asyncio.run(main())
    (span,) = telemetry.spans
    assert (span.attributes or {}).get(names.ERROR_TYPE) == error
    assert cleaned == ["tokens"]


def test_async_generators_open_at_the_end_of_the_loop_are_closed_in_silence(
    telemetry: Telemetry, caplog: pytest.LogCaptureFixture
) -> None:
    cleaned: list[str | None] = []
    kept = [_async_tokens(cleaned) for _ in range(5)]

    async def main() -> None:
        for made in kept:
            await anext(made)

    asyncio.run(main())
    assert cleaned == ["tokens"] * 5
    assert caplog.records == []
    assert paths(telemetry.spans) == ["tokens"] * 5


def test_an_async_generator_that_no_loop_will_close_ends_its_span_when_it_is_collected(telemetry: Telemetry) -> None:
    @stage("tokens")
    async def tokens() -> AsyncGenerator[int, None]:
        yield 1

    made = tokens()
    with pytest.raises(StopIteration) as item:
        made.asend(None).send(None)
    assert item.value.value == 1
    del made
    gc.collect()
    assert paths(telemetry.spans) == ["tokens"]


def test_what_a_generator_is_thrown_it_may_answer(telemetry: Telemetry) -> None:
    @stage("tokens")
    def tokens() -> Generator[str, None, None]:
        try:
            yield "first"
        except KeyError:
            yield "caught"

    made = tokens()
    next(made)
    assert made.throw(KeyError()) == "caught"
    assert list(made) == []
    (span,) = telemetry.spans
    assert span.status.status_code is trace.StatusCode.UNSET


def test_a_generator_that_ignores_its_end_is_told_so_as_ever(telemetry: Telemetry) -> None:
    @stage("stubborn")
    def stubborn() -> Generator[int, None, None]:
        try:
            yield 1
        except GeneratorExit:
            yield 2

    made = stubborn()
    next(made)
    with pytest.raises(RuntimeError, match="ignored GeneratorExit"):
        made.close()
    assert list(made) == []
    assert paths(telemetry.spans) == ["stubborn"]
