"""A halted run stops its graphs before their next nodes, and a graph that is taken up again goes on with its run.

A model call that a halt refuses ends its node, as control flow of LangGraph's own: nobody retries or swallows it, calls
under way in other branches come to their end, and checkpoints are as they were before the node. Where somebody swallows
it nevertheless, or the run was halted elsewhere, the graph is asked to drain. Whoever runs it gets `BudgetExceeded`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator
from typing import Any, TypeVar

from opentelemetry import context

from spanledger.call import Calls
from spanledger.errors import BudgetExceeded, Refusal, contained, exceeded
from spanledger.semconv import names
from spanledger_instrumentation.langchain.runs import OpenRuns, Run, here
from spanledger_instrumentation.langchain.stops import Stop, halt_of

T = TypeVar("T")
Args = tuple[Any, ...]
Kwargs = dict[str, Any]

_safely = contained("langchain-core")


class Halts:
    """The wrappers around LangGraph's loop, over the runs that are open. Without a hard budget they do nothing."""

    def __init__(self, calls: Calls, runs: OpenRuns) -> None:
        self._calls = calls
        self._runs = runs

    @property
    def _active(self) -> bool:
        return self._calls.guard is not None and bool(self._calls.guard.hard)

    def refused(self, refusal: Refusal) -> None:
        """A call was refused here: if that is a halt, every graph of its run around it is asked to drain."""
        place = here() if refusal.halted else None
        while place is not None:
            if place.stop is not None and place.stop.run == refusal.window:
                place.stop.refusal = refusal
                place.stop.drain(refusal)
            place = place.outer

    def first(self, wrapped: Callable[..., T], loop: Any, args: Args, kwargs: Kwargs) -> T:
        """`PregelLoop._first`: the checkpoint is loaded, and nothing is saved yet."""
        with _safely:
            if self._active:
                self._begin(loop)
        return wrapped(*args, **kwargs)

    def _begin(self, loop: Any) -> None:
        run = self._run(loop)
        payer = self._calls.payers.payer(context.get_current() if run is None else run.context)
        kept = loop.checkpointer is not None and not loop.is_nested
        paying = payer.run
        if kept and run is not None and paying != payer.named_run and _resumes(loop.input):
            paying = (loop.checkpoint_metadata or {}).get(names.SPANLEDGER_RUN_ID) or paying
            if paying != payer.run:
                run.continues(str(paying))
        if run is not None:
            run.place.stop = Stop(loop, paying)
        for config in (loop.config, loop.checkpoint_config) if kept else ():
            config["metadata"] = {**(config.get("metadata") or {}), names.SPANLEDGER_RUN_ID: paying}

    def tick(self, wrapped: Callable[..., bool], loop: Any, args: Args, kwargs: Kwargs) -> bool:
        """`PregelLoop.tick`: what the last nodes did is saved; says whether there are others to run."""
        stop: Stop | None = None
        refusal: Refusal | None = None
        with _safely:
            if self._active:
                stop, refusal = self._before(loop)
        going = wrapped(*args, **kwargs)
        if refusal is None or stop is None:
            return going
        if going or (loop.status == "done" and stop.refusal is not None):
            raise exceeded(refusal)
        return going

    def _before(self, loop: Any) -> tuple[Stop, Refusal | None]:
        run = self._run(loop)
        stop = (run.place.stop if run is not None else None) or Stop(loop)
        refusal = stop.refusal or self._calls.payers.halted(context.get_current() if run is None else run.context)
        if refusal is not None:
            stop.drain(refusal)
        return stop, refusal

    def _run(self, loop: Any) -> Run | None:
        return self._runs.get(getattr(loop.manager, "run_id", None))

    def stream(self, wrapped: Callable[..., Any], _instance: Any, args: Args, kwargs: Kwargs) -> Any:
        """`Pregel.stream`, and so `invoke`: a drain that we asked for is a halt to whoever runs the graph."""
        found = wrapped(*args, **kwargs)
        return _streamed(found) if self._active else found

    def astream(self, wrapped: Callable[..., Any], _instance: Any, args: Args, kwargs: Kwargs) -> Any:
        """`Pregel.astream`, and so `ainvoke`."""
        found = wrapped(*args, **kwargs)
        return _async_streamed(found) if self._active else found

    @staticmethod
    def retrying(wrapped: Callable[..., Any], _instance: Any, args: Args, kwargs: Kwargs) -> Any:
        """`RunnableRetry` makes the object that retries: a halt is not tried again, nobody would let it through."""
        found = wrapped(*args, **kwargs)
        asked = found.retry

        def again(state: Any) -> Any:
            error = state.outcome.exception() if state.outcome is not None and state.outcome.failed else None
            return not (isinstance(error, BudgetExceeded) and error.refusal.halted) and asked(state)

        found.retry = again
        return found


def _resumes(given: Any) -> bool:
    """Whether the input of a graph says that it goes on where it was: nothing new, or a command."""
    return given is None or type(given).__name__ == "Command"


def _streamed(found: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    try:
        return (yield from found)
    except Exception as error:
        refusal = None if isinstance(error, BudgetExceeded) else halt_of(error)
        if refusal is None:
            raise
        raise exceeded(refusal) from None


async def _async_streamed(found: Any) -> AsyncIterator[Any]:
    try:
        async for item in found:
            yield item
    except Exception as error:
        refusal = None if isinstance(error, BudgetExceeded) else halt_of(error)
        if refusal is None:
            raise
        raise exceeded(refusal) from None
    finally:
        await found.aclose()
