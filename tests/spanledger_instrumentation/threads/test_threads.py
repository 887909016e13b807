"""Work that is handed to a thread or an executor belongs to the scope that it was handed over in."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

import pytest
from opentelemetry import context
from tests.support.telemetry import Telemetry
from tests.support.tracing import Called, call, paths

from spanledger import scope
from spanledger.block import run, stage
from spanledger_instrumentation.threads import ThreadsAdapter


def _thread(work: Callable[[], None]) -> threading.Thread:
    return threading.Thread(target=work)


def _timer(work: Callable[[], None]) -> threading.Thread:
    return threading.Timer(0.001, work)


def _subclass(work: Callable[[], None]) -> threading.Thread:
    class Worker(threading.Thread):
        def run(self) -> None:
            work()

    return Worker()


@pytest.mark.parametrize("make", [_thread, _timer, _subclass])
def test_a_thread_belongs_to_the_scope_that_it_is_started_in(
    telemetry: Telemetry, make: Callable[[Callable[[], None]], threading.Thread]
) -> None:
    found: list[Called] = []
    thread = make(lambda: found.append(call()))
    with run("r"), stage("plan"):
        thread.start()
    thread.join()
    assert [(c.scope.run, c.scope.stage) for c in found] == [("r", "plan")]
    assert "run > plan > call" in paths(telemetry.spans)


def test_only_the_opentelemetry_context_goes_along() -> None:
    other = contextvars.ContextVar("other", default="unset")
    other.set("set")
    found: list[str] = []
    with run("r"):
        thread = threading.Thread(target=lambda: found.append(other.get()))
        thread.start()
    thread.join()
    assert found == ["unset"]


def test_a_pool_works_for_each_submitter_and_for_none_in_between(telemetry: Telemetry) -> None:
    with ThreadPoolExecutor(1) as pool:
        with run("a"):
            first = pool.submit(call)
        with run("b"):
            second = list(pool.map(lambda _: call(), range(2)))
        third = pool.submit(call)
    assert first.result().scope.run == "a"
    assert [c.scope.run for c in second] == ["b", "b"]
    assert third.result().scope == scope.EMPTY
    assert third.result().parent == 0
    assert paths(telemetry.spans) == ["call", "run", "run", "run > call", "run > call", "run > call"]


def test_the_workers_of_a_pool_keep_nothing_of_who_started_them() -> None:
    found: list[scope.Scope] = []
    with run("a"), ThreadPoolExecutor(1, initializer=lambda: found.append(scope.current())) as pool:
        pool.submit(call).result()
    assert found == [scope.EMPTY]


def test_the_default_executor_of_a_loop_works_for_the_submitter(telemetry: Telemetry) -> None:
    async def main() -> Called:
        with run("r"), stage("blocking"):
            return await asyncio.get_running_loop().run_in_executor(None, call)

    assert asyncio.run(main()).scope.stage == "blocking"
    assert "run > blocking > call" in paths(telemetry.spans)


def test_what_the_work_returns_and_raises_is_untouched() -> None:
    error = KeyError("k")

    def fail() -> None:
        raise error

    with run("r"), ThreadPoolExecutor(1) as pool:
        assert pool.submit(divmod, 7, 2).result() == (3, 1)
        with pytest.raises(KeyError) as caught:
            pool.submit(fail).result()
        with pytest.raises(TypeError):
            pool.submit()  # type: ignore[call-arg]
    assert caught.value is error


def test_a_thread_that_cannot_start_or_starts_twice_fails_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    thread = threading.Thread(target=call)
    with run("r"):
        with monkeypatch.context() as patched:
            patched.setattr(threading, "_start_new_thread", _no_thread)
            with pytest.raises(RuntimeError, match="can't start new thread"):
                thread.start()
        assert "run" not in vars(thread)
        thread.start()
        with pytest.raises(RuntimeError, match="only be started once"):
            thread.start()
    thread.join()


def test_a_thread_that_was_never_made_fails_as_ever() -> None:
    class Careless(threading.Thread):
        def __init__(self) -> None:
            """Without that of its base."""

    for scoped in (nullcontext(), run("r")):
        with scoped, pytest.raises(RuntimeError, match="__init__"):
            Careless().start()


class _Interpreters(ThreadPoolExecutor):
    """Known as `InterpreterPoolExecutor` of Python 3.14 is: it pickles its work, and a context cannot be pickled."""

    __module__ = "concurrent.futures.interpreter"


def test_work_for_another_interpreter_is_left_as_it_is() -> None:
    with run("r"), _Interpreters(1) as pool:
        assert pool.submit(scope.current).result() == scope.EMPTY


def _no_thread(*_: object) -> None:
    raise RuntimeError("can't start new thread")


def test_a_run_that_the_app_set_on_a_thread_is_run_and_stays() -> None:
    found: list[str | None] = []
    thread: Any = threading.Thread()

    def own() -> None:
        found.append(scope.current().run)

    thread.run = own
    with run("r"):
        thread.start()
    thread.join()
    assert found == ["r"]
    assert thread.run is own


def test_a_finished_thread_is_freed_at_once() -> None:
    gc.disable()
    try:
        with run("r"):
            thread = threading.Thread(target=call)
            thread.start()
        thread.join()
        gone = weakref.ref(thread)
        del thread
        assert gone() is None
    finally:
        gc.enable()


def test_outside_any_scope_nothing_is_wrapped() -> None:
    thread = threading.Thread(target=call)
    assert not context.get_current()
    thread.start()
    assert "run" not in vars(thread)
    thread.join()


def test_uninstalled_it_leaves_python_as_it_was(adapter: ThreadsAdapter) -> None:
    adapter.uninstall()
    with ThreadPoolExecutor(1) as pool, run("r"):
        assert pool.submit(call).result().scope == scope.EMPTY
    assert type(threading.Thread.start).__name__ == "function"
    assert {point.state for point in adapter.points} <= {"waiting"}
