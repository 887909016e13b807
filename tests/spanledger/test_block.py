"""`run`, `stage` and `prompt`: the scope and the span of what happens inside, and of nothing else."""

from __future__ import annotations

import asyncio
import contextvars
import hashlib
import logging
import os
import threading
from collections.abc import AsyncIterator

import pytest
from opentelemetry import baggage, context, trace
from tests.support.telemetry import Telemetry, whole
from tests.support.tracing import Called, call, paths

from spanledger import scope
from spanledger.block import prompt, run, stage
from spanledger.scope import Prompt, Scope
from spanledger.semconv import names


@pytest.fixture(autouse=True)
def _current(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", telemetry.provider)


def test_a_run_is_an_internal_span_that_names_who_pays(telemetry: Telemetry) -> None:
    with run("r-1", user="u", tenant="t", session="s", request="q") as found:
        assert found == Scope(run="r-1", user="u", tenant="t", session="s", request="q") == scope.current()
    (span,) = telemetry.spans
    assert whole(span) == {
        "name": "run",
        "kind": "INTERNAL",
        "status": "UNSET",
        "attributes": {
            names.SPANLEDGER_RUN_ID: str,
            names.SPANLEDGER_TENANT_ID: "t",
            names.USER_ID: "u",
            names.SESSION_ID: "s",
            names.SPANLEDGER_REQUEST_ID: "q",
        },
        "events": [],
    }


def test_a_run_without_an_id_makes_one_for_each_use() -> None:
    block = run()
    with block as first, block as second:
        pass
    assert first.run is not None
    assert second.run is not None
    assert first.run.startswith("run-")
    assert len(first.run) == len("run-") + 12
    assert first.run != second.run


def test_stages_nest_in_scope_and_trace(telemetry: Telemetry) -> None:
    with run("r"), stage("plan"):
        outer = call()
        with stage("search"):
            inner = call()
    assert (outer.scope.run, outer.scope.stage, inner.scope.run, inner.scope.stage) == ("r", "plan", "r", "search")
    assert paths(telemetry.spans) == [
        "run",
        "run > plan",
        "run > plan > call",
        "run > plan > search",
        "run > plan > search > call",
    ]


def test_the_baggage_inside_says_what_the_scope_says() -> None:
    with run("r", tenant="t"), stage("plan"):
        said = baggage.get_all()
    assert said == {names.SPANLEDGER_RUN_ID: "r", names.SPANLEDGER_TENANT_ID: "t", names.SPANLEDGER_STAGE: "plan"}


def test_a_prompt_is_named_and_hashed_and_opens_no_span(telemetry: Telemetry) -> None:
    with prompt("greet", 3, "Hello {name}"):
        found = call().scope.prompt
    digest = hashlib.sha256(b"Hello {name}").hexdigest()
    assert found == Prompt("greet", "3", f"sha256:{digest}")
    assert paths(telemetry.spans) == ["call"]


def test_an_exception_marks_the_span_and_passes_unchanged(telemetry: Telemetry) -> None:
    error = LookupError("no such course")
    with pytest.raises(LookupError) as caught, stage("search"):
        raise error
    assert caught.value is error
    (span,) = telemetry.spans
    assert span.status.status_code is trace.StatusCode.ERROR
    assert (span.attributes or {})[names.ERROR_TYPE] == "LookupError"
    assert span.events == ()


def test_a_cancelled_task_marks_the_span_as_cancelled(telemetry: Telemetry) -> None:
    async def main() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.sleep(9), 0.01)
        task = asyncio.create_task(stage("slow")(asyncio.sleep)(9))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    (span,) = telemetry.spans
    assert (span.attributes or {})[names.ERROR_TYPE] == "asyncio.exceptions.CancelledError"


def test_async_with_is_the_same_as_with(telemetry: Telemetry) -> None:
    async def main() -> Called:
        async with run("r"), stage("plan"), prompt("p"):
            await asyncio.sleep(0)
            return call()

    found = asyncio.run(main())
    assert found.scope == Scope(run="r", stage="plan", prompt=Prompt("p"))
    assert "run > plan > call" in paths(telemetry.spans)


def test_one_block_serves_many_tasks_at_once(telemetry: Telemetry) -> None:
    block = stage("shared")

    async def use(wait: float) -> int:
        with block:
            await asyncio.sleep(wait)
            return call().parent

    async def main() -> tuple[int, ...]:
        return await asyncio.gather(use(0.02), use(0.01), use(0.03))

    parents = asyncio.run(main())
    assert len(set(parents)) == 3
    assert paths(telemetry.spans) == ["shared"] * 3 + ["shared > call"] * 3


def test_tasks_started_inside_belong_to_the_block(telemetry: Telemetry) -> None:
    async def main() -> list[Called]:
        async def work() -> Called:
            await asyncio.sleep(0)
            return call()

        with run("r"), stage("fan"):
            waiting = asyncio.create_task(work())
            through = await asyncio.to_thread(call)
            found = await asyncio.gather(work(), work())
        return [await waiting, through, *found]

    assert {(c.scope.run, c.scope.stage) for c in asyncio.run(main())} == {("r", "fan")}
    assert paths(telemetry.spans).count("run > fan > call") == 4


def test_leaving_in_a_foreign_context_disturbs_nothing(telemetry: Telemetry, caplog: pytest.LogCaptureFixture) -> None:
    block = stage("yielding")
    inside = contextvars.copy_context()
    inside.run(block.__enter__)
    before = context.get_current()
    contextvars.copy_context().run(block.__exit__, None, None, None)
    block = stage("yielding")
    inside.run(block.__enter__)
    with stage("other"):
        held = context.get_current()
        block.__exit__(None, None, None)
        assert context.get_current() is held
    assert context.get_current() is before
    assert caplog.records == []
    assert paths(telemetry.spans) == ["other", "yielding", "yielding > yielding"]


def test_an_async_generator_finalised_in_another_task_ends_its_block_in_silence(
    telemetry: Telemetry, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "opentelemetry")

    async def items() -> AsyncIterator[int]:
        with stage("inside"):
            yield 1

    async def main() -> None:
        made = items()
        await asyncio.create_task(anext(made))  # type: ignore[arg-type]
        await asyncio.create_task(made.aclose())  # type: ignore[attr-defined]

    asyncio.run(main())
    assert caplog.records == []
    (span,) = telemetry.spans
    assert (span.name, span.status.status_code) == ("inside", trace.StatusCode.UNSET)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # Python 3.12, of a fork beside other threads
def test_a_forked_child_is_inside_and_leaves_the_span_to_its_parent(telemetry: Telemetry) -> None:
    read, write = os.pipe()
    with run("r"), stage("forking") as found:
        child = os.fork()
        if child == 0:
            inside = call().scope == found
    if child == 0:
        ended = [span.name for span in telemetry.spans]
        os.write(write, f"{inside} {ended}".encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 1000).decode() == "True ['call']"
    os.close(read)
    os.close(write)
    assert paths(telemetry.spans) == ["run", "run > forking"]


def test_threads_that_use_one_block_each_end_their_own_span(telemetry: Telemetry) -> None:
    block = stage("shared")
    barrier = threading.Barrier(4)

    def use() -> None:
        with block:
            barrier.wait()
            call()

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert paths(telemetry.spans) == ["shared"] * 4 + ["shared > call"] * 4
