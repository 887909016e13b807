"""Decorated functions look as before, bad input is told where it is made, and our failures cost only the span."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry import trace
from tests.support.telemetry import Telemetry
from tests.support.tracing import Called, call, paths

from spanledger import scope
from spanledger.block import Block, prompt, run, stage
from spanledger.scope import Scope


@pytest.fixture(autouse=True)
def _current(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", telemetry.provider)


def test_a_decorated_function_is_one_use_a_call_and_looks_as_before(telemetry: Telemetry) -> None:
    @stage("fib")
    def fib(n: int) -> int:
        """Known to every child."""
        return n if n < 2 else fib(n - 1)

    assert fib(2) == 1
    assert paths(telemetry.spans) == ["fib", "fib > fib"]
    assert (fib.__name__, fib.__doc__, str(inspect.signature(fib))) == (
        "fib",
        "Known to every child.",
        "(n: 'int') -> 'int'",
    )


def test_a_decorated_coroutine_function_is_still_one(telemetry: Telemetry) -> None:
    @stage("plan")
    async def plan() -> Called:
        await asyncio.sleep(0)
        return call()

    assert inspect.iscoroutinefunction(plan)
    assert asyncio.run(plan()).scope.stage == "plan"
    assert paths(telemetry.spans) == ["plan", "plan > call"]


def test_methods_and_callable_objects_can_be_decorated() -> None:
    class Agent:
        @stage("plan")
        def plan(self) -> str | None:
            return scope.current().stage

        @stage("items")
        def items(self) -> Iterator[str | None]:
            yield scope.current().stage

        @classmethod
        @stage("made")
        def made(cls) -> str | None:
            return scope.current().stage

        async def __call__(self) -> str | None:
            return scope.current().stage

    agent = Agent()
    assert (agent.plan(), list(agent.items()), Agent.made()) == ("plan", ["items"], "made")
    assert asyncio.run(stage("called")(agent)()) == "called"
    assert stage("part")(functools.partial(agent.plan))() == "plan"


def test_without_an_sdk_the_scope_is_there_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", trace.NoOpTracerProvider())
    with run("r"), stage("plan"):
        assert call().scope == Scope(run="r", stage="plan")


def test_a_tracer_that_fails_costs_the_span_and_not_the_scope(
    monkeypatch: pytest.MonkeyPatch, failures: Counter[tuple[str, str]]
) -> None:
    class Broken(trace.NoOpTracerProvider):
        def get_tracer(self, *args: Any, **kwargs: Any) -> trace.Tracer:
            raise ZeroDivisionError

    monkeypatch.setattr(trace, "_TRACER_PROVIDER", Broken())
    with stage("plan"):
        assert scope.current().stage == "plan"
    assert failures == {("scope", "ZeroDivisionError"): 1}


def test_ids_are_data_and_never_raise() -> None:
    user: Any = 42
    with run(" ", user=user, tenant="", session=" s " + "x" * 999) as found:
        assert found.run is not None
        assert found.run.startswith("run-")
        assert (found.user, found.tenant) == ("42", None)
        assert found.session == "s " + "x" * 254


STAGE: Any = stage
PROMPT: Any = prompt
RUN: Any = run


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: STAGE(""), "the name of a stage must not be empty"),
        (lambda: STAGE(7), "the name of a stage must be a string, not 7"),
        (lambda: STAGE(print), r'stage decorates with a name: write @stage\("name"\)'),
        (lambda: PROMPT(None), "the name of a prompt must be a string, not None"),
        (lambda: PROMPT("p", template=b"x"), "prompt takes the text of a template, not b'x'"),
        (lambda: RUN(print), r"run decorates with parentheses: write @run\(\)"),
        (lambda: STAGE("s")(Block), "a block decorates functions"),
        (lambda: STAGE("s")(classmethod(print)), "below @staticmethod and @classmethod"),
        (lambda: STAGE("s")(3), "a block decorates functions"),
    ],
)
def test_a_mistake_is_told_in_a_sentence_where_it_is_made(make: Callable[[], object], sentence: str) -> None:
    with pytest.raises((TypeError, ValueError), match=sentence):
        make()
