"""Threads and executors: what is started or submitted inside a scope belongs to it.

A context variable does not go into a new thread by itself (before Python 3.14), nor to a worker of an executor. Only
the OpenTelemetry context is carried, with scope and current span in it; other context variables stay as they are.

    threading.Thread, Timer                     the context of `start`, also where a subclass has a `run` of its own
    ThreadPoolExecutor, loop.run_in_executor    the context of `submit`
    InterpreterPoolExecutor (Python 3.14)       nothing: its work must be one that another interpreter can take
    ProcessPoolExecutor                         trace and scope of `submit`, by value, however the worker was started
    multiprocessing.Process by fork             the context of `start`: a fork copies it, nothing is done here
    by spawn or forkserver, and Pool            nothing: open a `run` in the child

A thread that goes on to serve others keeps the scope that it was started in: give it its work through an executor, or
let it open a `run` for each.

opentelemetry-instrumentation-threading does the first two, except for a subclass of Thread with its own `run`. Both may
be on: the same context is then attached twice.
"""

from __future__ import annotations

import functools
import platform
import threading
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from opentelemetry import context
from opentelemetry.context import Context

from spanledger import scope
from spanledger.call import Calls
from spanledger.errors import contained
from spanledger.scope import Held, Scope
from spanledger_instrumentation import carrier
from spanledger_instrumentation.adapter import Adapter

Work = Callable[..., Any]

#: The module of `InterpreterPoolExecutor`, which is a ThreadPoolExecutor.
_INTERPRETERS = "concurrent.futures.interpreter"


class ThreadsAdapter(Adapter):
    """Carries the OpenTelemetry context into threads and executors."""

    library: ClassVar[str] = "threads"

    def __init__(self, calls: Calls) -> None:
        super().__init__(calls)
        self._submitting = _Submitting()

    def install(self) -> None:
        """Wrap the places where work is handed over."""
        self.wrap("threading", "Thread.start", self._start)
        self.wrap("concurrent.futures.thread", "ThreadPoolExecutor.submit", self._submit)
        self.wrap("concurrent.futures.process", "ProcessPoolExecutor.submit", self._submit_to_process)

    @property
    def version(self) -> str | None:
        """That of Python, which threads and executors come with."""
        return platform.python_version()

    def _start(self, wrapped: Work, thread: threading.Thread, args: Any, kwargs: Any) -> Any:
        carried = context.get_current()
        if not carried or self._submitting.depth or not _is_free(thread):
            return wrapped(*args, **kwargs)
        running = _Running(thread, carried)
        try:
            return wrapped(*args, **kwargs)
        except BaseException:
            running.undo()
            raise

    def _submit(self, wrapped: Work, executor: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if args and not _leaves_the_interpreter(executor) and (carried := context.get_current()):
            args = (functools.partial(_within, carried, args[0]), *args[1:])
        with self._submitting:
            return wrapped(*args, **kwargs)

    def _submit_to_process(self, wrapped: Work, _executor: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if args and (here := context.get_current()):
            with contained(self.library):
                args = (functools.partial(_elsewhere, carrier.pack(here), scope.current(here), args[0]), *args[1:])
        with self._submitting:
            return wrapped(*args, **kwargs)


class _Submitting(threading.local):
    """While this thread submits to an executor: the workers started by that serve everyone, and get no context."""

    depth = 0

    def __enter__(self) -> None:
        self.depth += 1

    def __exit__(self, *_: object) -> None:
        self.depth -= 1


class _Running:
    """The `run` of a thread, whoever wrote it, in the context in which the thread was started."""

    def __init__(self, thread: threading.Thread, ctx: Context) -> None:
        self._thread = thread
        self._context = ctx
        self._own = vars(thread).get("run")
        self._run = thread.run
        vars(thread)["run"] = self

    def undo(self) -> None:
        """Leave the thread as it was; it and this object then no longer hold each other."""
        if self._own is None:
            vars(self._thread).pop("run", None)
        else:
            vars(self._thread)["run"] = self._own

    def __call__(self) -> None:
        self.undo()
        run = self._run
        del self._thread, self._run, self._own
        _within(self._context, run)


def _is_free(thread: threading.Thread) -> bool:
    """Whether a thread can start and takes a context: one of Python 3.14 may have been given a context of its own."""
    ready = getattr(thread, "_initialized", True)  # where it is not, to ask for `ident` is an error
    return ready and thread.ident is None and getattr(thread, "_context", None) is None


def _leaves_the_interpreter(executor: object) -> bool:
    """Whether the threads of an executor pickle their work for an interpreter of their own: a context cannot go."""
    return any(kind.__module__ == _INTERPRETERS for kind in type(executor).__mro__)


def _within(ctx: Context, work: Work, *args: Any, **kwargs: Any) -> Any:
    held = Held(ctx)
    try:
        return work(*args, **kwargs)
    finally:
        held.release()


def _elsewhere(headers: Mapping[str, str], payer: Scope, work: Work, *args: Any, **kwargs: Any) -> Any:
    """Runs in a process of the pool. The scope comes whole, because the pool belongs to the app."""
    return _within(scope.inside(payer, carrier.unpack(headers)), work, *args, **kwargs)
