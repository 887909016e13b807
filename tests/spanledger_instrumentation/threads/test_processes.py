"""What of a scope reaches other processes: a pool's tasks carry it, a fork copies it, a spawned process begins anew."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from opentelemetry import baggage, context
from tests.support.tracing import Called, call

from spanledger import scope
from spanledger.block import prompt, run, stage
from spanledger.scope import Prompt, Scope
from spanledger.semconv import names

# Python 3.12 warns of a fork beside other threads; apps fork all the same.
pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")


@pytest.fixture(autouse=True)
def _children_find_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[3])


def _send(answer: Connection) -> None:
    answer.send(call())


def _fail() -> None:
    raise KeyError("k")


def _baggage() -> dict[str, object]:
    return dict(baggage.get_all())


def _in_child(method: str) -> Called:
    spawning = multiprocessing.get_context(method)
    mine, theirs = spawning.Pipe(duplex=False)
    child = spawning.Process(target=_send, args=(theirs,))  # type: ignore[attr-defined]
    child.start()
    theirs.close()
    found: Called = mine.recv()
    child.join()
    return found


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_each_task_of_a_process_pool_belongs_to_its_submitter(method: str) -> None:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(method)) as pool:
        with run("a", tenant="t"), stage("plan"), prompt("p", 1):
            outer = call()
            first = pool.submit(call).result()
        with run("b"):
            second = pool.submit(call).result()
        third = pool.submit(call).result()
    assert first.scope == Scope(run="a", tenant="t", stage="plan", prompt=Prompt("p", "1"))
    assert (first.parent, first.trace) == (outer.parent, outer.trace)
    assert second.scope == Scope(run="b")
    if method != "fork":  # a forked worker has the context of its first submitter
        assert third.scope == scope.EMPTY


def test_a_task_of_a_process_pool_fails_as_ever() -> None:
    with run("a"), ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
        with pytest.raises(KeyError):
            pool.submit(_fail).result()
        assert pool.submit(divmod, 7, 2).result() == (3, 1)


def test_baggage_that_contradicts_the_scope_stays_behind() -> None:
    token = context.attach(baggage.set_baggage(names.SPANLEDGER_TENANT_ID, "somebody else"))
    try:
        with run("a"), ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            found = pool.submit(_baggage).result()
    finally:
        context.detach(token)
    assert found == {names.SPANLEDGER_RUN_ID: "a"}


def test_a_forked_process_is_inside_the_scope() -> None:
    with run("r"), stage("forking"):
        here = call()
        found = _in_child("fork")
    assert (found.scope, found.parent, found.trace) == (here.scope, here.parent, here.trace)


def test_a_spawned_process_is_outside_every_scope() -> None:
    with run("r"):
        found = _in_child("spawn")
    assert (found.scope, found.parent) == (scope.EMPTY, 0)
