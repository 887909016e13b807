"""Where the context of a run becomes current, and what ends the runs that LangChain forgets to end.

Nothing is attached in the context of the consumer, where it would stay behind when a stream is left half-way. It is
attached in the copied context in which LangChain and LangGraph run the inside of a run; and around plain calls that
they make without such a copy (a model in a batch, a retriever), where it is detached when the call returns.

Every wrapper has the signature that wrapt asks for, and calls the wrapped function whatever becomes of our part.
"""

from __future__ import annotations

import sys
import threading
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar
from uuid import UUID

from opentelemetry import context
from opentelemetry.context import Context

from spanledger import scope
from spanledger.errors import contained
from spanledger.scope import Scope
from spanledger_instrumentation.langchain.reading import Graph, conversation_of, graph_of
from spanledger_instrumentation.langchain.runs import OpenRuns, Run, here

T = TypeVar("T")
Args = tuple[Any, ...]
Kwargs = dict[str, Any]
Async = Callable[..., Awaitable[Any]]

_safely = contained("langchain-core")
_VISIT = context.create_key("spanledger-langchain-visit")


def _new_id() -> UUID:
    """A run id as langchain-core makes it."""
    made: UUID = getattr(sys.modules.get("langchain_core.utils.uuid"), "uuid7", uuid.uuid4)()
    return made


def _named(kwargs: Kwargs) -> UUID:
    """The id of the run that a call with these arguments begins; it is among them afterwards."""
    run_id: UUID = kwargs.get("run_id") or _new_id()
    kwargs["run_id"] = run_id
    return run_id


class Visit:
    """The time between a call and its return, while a run is current in the caller's own context.

    Without a context to begin with, it waits for the retriever that is about to begin, whose `run_id` it then has.
    """

    def __init__(self, inside: Context | None = None) -> None:
        self.run_id: UUID | None = None
        self._waits = inside is None
        self._token = context.attach(context.set_value(_VISIT, self, inside))

    def leave(self) -> None:
        """Put the caller's context back; not in a foreign one, where the garbage collector closes a coroutine."""
        if Visit.innermost() is self:
            context.detach(self._token)

    @staticmethod
    def innermost() -> Visit | None:
        """The visit that the current context is part of."""
        found = context.get_value(_VISIT)
        return found if isinstance(found, Visit) else None

    def begin(self, run_id: UUID, run: Run) -> None:
        """A retriever has begun. If the visit waits for one, this one is current until the visit is over."""
        if self._waits:
            self._waits = False
            self.run_id = run_id
            context.attach(context.set_value(_VISIT, self, run.context))


class Seams:
    """The wrappers, over the runs that are open."""

    def __init__(self, runs: OpenRuns) -> None:
        self._runs = runs
        self._local = threading.local()
        #: Graphs whose run is about to start, by the id of that run.
        self.expected: dict[UUID, Graph] = {}
        #: The callback handler, once there is one.
        self.handler: Any = None

    def config_context(self, wrapped: Callable[..., T], _instance: Any, args: Args, kwargs: Kwargs) -> T:
        """`_set_config_context` is what runs first in the copied context of a run's inside."""
        result = wrapped(*args, **kwargs)
        with _safely:
            self._enter(args[0] if args else kwargs["config"])
        return result

    def _enter(self, config: Mapping[str, Any]) -> None:
        run = self._runs.get(getattr(config.get("callbacks"), "parent_run_id", None))
        if run is None:
            return
        configurable = config.get("configurable")
        found = conversation_of(configurable) if configurable else None
        if found is not None:
            run.converse(found)
        if not run.place.encloses(here()):
            context.attach(run.context)
        elif found is not None and found != scope.current().conversation:
            context.attach(scope.inside(Scope(conversation=found)))

    def graph_defaults(self, wrapped: Callable[..., T], instance: Any, args: Args, kwargs: Kwargs) -> T:
        """`Pregel._defaults(config)` is the last thing a graph does before its run starts, in the same thread.

        LangGraph takes a callback manager from the config as it is, past the hook that adds our handler.
        """
        result = wrapped(*args, **kwargs)
        with _safely:
            config = args[0] if args else kwargs["config"]
            self._local.graph = graph_of(instance, config)
            handlers = getattr(config.get("callbacks"), "handlers", None)
            if handlers is not None and self.handler is not None and self.handler not in handlers:
                config["callbacks"].add_handler(self.handler, True)
        return result

    def _announce(self, args: Args, kwargs: Kwargs) -> UUID:
        run_id: UUID = (args[2] if len(args) > 2 else kwargs.get("run_id")) or _new_id()
        if len(args) < 3:
            kwargs["run_id"] = run_id
        graph: Graph | None = getattr(self._local, "graph", None)
        if graph is not None:
            self._local.graph = None
            self.expected[run_id] = graph
        return run_id

    def run_start(self, wrapped: Callable[..., T], _instance: Any, args: Args, kwargs: Kwargs) -> T:
        """`CallbackManager.on_…_start`: if another handler raises there, nobody else ends the run that began."""
        with self._starting(args, kwargs) as run_id:
            manager = wrapped(*args, **kwargs)
        self._runs.watch(run_id, manager)
        return manager

    async def async_run_start(self, wrapped: Async, _instance: Any, args: Args, kwargs: Kwargs) -> Any:
        """The same of `AsyncCallbackManager`, where a cancellation can come between two handlers."""
        with self._starting(args, kwargs) as run_id:
            manager = await wrapped(*args, **kwargs)
        self._runs.watch(run_id, manager)
        return manager

    def tool_run(self, wrapped: Callable[..., T], _instance: Any, args: Args, kwargs: Kwargs) -> T:
        """`BaseTool.run` tells no handler of what is not an `Exception`."""
        with self._ending(_named(kwargs)):
            return wrapped(*args, **kwargs)

    async def async_tool_run(self, wrapped: Async, _instance: Any, args: Args, kwargs: Kwargs) -> Any:
        """`BaseTool.arun` neither, a cancellation above all."""
        with self._ending(_named(kwargs)):
            return await wrapped(*args, **kwargs)

    def retrieve(self, wrapped: Callable[..., T], _instance: Any, args: Args, kwargs: Kwargs) -> T:
        """`BaseRetriever.invoke` works in the caller's context, and tells no handler of what is not an `Exception`."""
        with self._retrieving():
            return wrapped(*args, **kwargs)

    async def async_retrieve(self, wrapped: Async, _instance: Any, args: Args, kwargs: Kwargs) -> Any:
        """`BaseRetriever.ainvoke` does the same."""
        with self._retrieving():
            return await wrapped(*args, **kwargs)

    def generate(self, wrapped: Callable[..., T], _instance: Any, args: Args, kwargs: Kwargs) -> T:
        """A model is about to call its provider: below the run that its run manager names, if not already there."""
        with self._around_model(args, kwargs):
            return wrapped(*args, **kwargs)

    async def async_generate(self, wrapped: Async, _instance: Any, args: Args, kwargs: Kwargs) -> Any:
        """The same of an async model."""
        with self._around_model(args, kwargs):
            return await wrapped(*args, **kwargs)

    @contextmanager
    def _starting(self, args: Args, kwargs: Kwargs) -> Iterator[UUID]:
        """While the handlers hear of a run that starts."""
        run_id = self._announce(args, kwargs)
        try:
            with self._ending(run_id):
                yield run_id
        finally:
            self.expected.pop(run_id, None)

    @contextmanager
    def _ending(self, run_id: UUID) -> Iterator[None]:
        """An exception that passes here ends the run, unless it has ended."""
        try:
            yield
        except BaseException as error:
            self._end(run_id, error)
            raise

    @contextmanager
    def _retrieving(self) -> Iterator[None]:
        """While a retriever works, in its run once that has begun; an exception that passes ends the run."""
        visit = Visit()
        try:
            yield
        except BaseException as error:
            self._end(visit.run_id, error)
            raise
        finally:
            visit.leave()

    @contextmanager
    def _around_model(self, args: Args, kwargs: Kwargs) -> Iterator[None]:
        """While a model calls its provider."""
        inside = self._outside_of_model(args, kwargs)
        visit = None if inside is None else Visit(inside)
        try:
            yield
        finally:
            if visit is not None:
                visit.leave()

    def _outside_of_model(self, args: Args, kwargs: Kwargs) -> Context | None:
        """The context of the run around a model; None where the current one is inside of it already."""
        manager = kwargs.get("run_manager")
        if manager is None:
            managers = kwargs.get("run_managers") or (args[2] if len(args) > 2 else None)
            manager = managers[0] if isinstance(managers, list) and managers else managers
        run = self._runs.get(getattr(manager, "parent_run_id", None))
        return None if run is None or run.place.encloses(here()) else run.context

    def _end(self, run_id: UUID | None, error: BaseException) -> None:
        with _safely:
            if run_id is not None:
                self._runs.end(run_id, error)
