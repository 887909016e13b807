"""One use of a block: its context and its span, in a `with` statement or over the life of a generator."""

from __future__ import annotations

import functools
import os
import sys
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from typing import TYPE_CHECKING, Any

import wrapt
from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from spanledger import scope
from spanledger.call import SCOPE_NAME
from spanledger.errors import contained, type_name
from spanledger.scope import Held, Scope
from spanledger.semconv import names

#: How generators end when all is well.
_ENDINGS = (GeneratorExit, StopIteration, StopAsyncIteration)


@functools.lru_cache(maxsize=1)
def _tracer(provider: trace.TracerProvider) -> trace.Tracer:
    return provider.get_tracer(SCOPE_NAME)


class Use:
    """A scope laid over a context, with a span if it has a name.

    The span ends once: with the use, or when nobody holds the use any more. A forked child leaves it to its parent.
    """

    def __init__(self, said: Scope, name: str | None, outer: Context) -> None:
        self.context = scope.inside(said, outer)
        self._held: Held | None = None
        self._process = os.getpid()
        self._span: Span | None = None
        self._forsaken: weakref.finalize[[], Use] | None = None
        if name is not None:
            with contained("scope"):
                self._open(name)

    def _open(self, name: str) -> None:
        attributes = scope.current(self.context).attributes()
        span = _tracer(trace.get_tracer_provider()).start_span(name, self.context, SpanKind.INTERNAL, attributes)
        self.context = trace.set_span_in_context(span, self.context)
        self._span = span
        self._forsaken = weakref.finalize(self, span.end)
        self._forsaken.atexit = False

    @property
    def current(self) -> bool:
        """Whether its context is the current one here."""
        return self._held is not None and self._held.current

    def __enter__(self) -> Scope:
        self._held = Held(self.context)
        return scope.current(self.context)

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if self._held is not None:
            self._held.release()
        self.end(error)

    def end(self, error: BaseException | None = None) -> None:
        """End the span, in error unless the error is how generators end."""
        if self._span is None or self._forsaken is None or not self._forsaken.detach():
            return
        if self._process != os.getpid():
            return
        with contained("scope"):
            if error is not None and not isinstance(error, _ENDINGS):
                self._span.set_attribute(names.ERROR_TYPE, type_name(error))
                self._span.set_status(Status(StatusCode.ERROR))
            self._span.end()

    def resume(self, step: Callable[[Any], Any], value: Any) -> Any:
        """Let a generator run to its next item in its own context, which is not that of its consumer."""
        consumer = context.get_current()
        context.attach(self.context)
        try:
            return step(value)
        finally:
            self.context = context.get_current()
            context.attach(consumer)

    async def resume_async(self, step: Callable[[Any], Awaitable[Any]], value: Any) -> Any:
        """The same for an async generator."""
        consumer = context.get_current()
        context.attach(self.context)
        try:
            return await step(value)
        finally:
            self.context = context.get_current()
            context.attach(consumer)


def driven(generator: Generator[Any, Any, Any], begin: Callable[[], Use]) -> Generator[Any, Any, Any]:
    """A generator that is this one to its consumer, and runs in a use that begins with its first step."""
    use = begin()
    step: Callable[[Any], Any] = generator.send
    value: Any = None
    try:
        while True:
            item = use.resume(step, value)
            try:
                value = yield item
                step = generator.send
            except BaseException as thrown:  # noqa: BLE001 the generator gets it
                step, value = generator.throw, thrown
    except StopIteration as done:
        return done.value
    except BaseException as error:
        use.end(error)
        raise
    finally:
        value = None
        use.end()


async def driven_async(generator: AsyncGenerator[Any, Any], begin: Callable[[], Use]) -> AsyncGenerator[Any, Any]:
    """The same for an async generator."""
    use = begin()
    step: Callable[[Any], Awaitable[Any]] = functools.partial(_first, generator)
    value: Any = None
    try:
        while True:
            item = await use.resume_async(step, value)
            try:
                value = yield item
                step = generator.asend
            except BaseException as thrown:  # noqa: BLE001 the generator gets it
                step, value = generator.athrow, thrown
    except StopAsyncIteration:
        return
    except BaseException as error:
        use.end(error)
        raise
    finally:
        value = None
        use.end()


def _first(generator: AsyncGenerator[Any, Any], value: Any) -> Awaitable[Any]:
    """Its first step, out of sight of the event loop: that would close it at its end beside the driver, which does."""
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, None)
    try:
        return generator.asend(value)
    finally:
        sys.set_asyncgen_hooks(*hooks)


if TYPE_CHECKING:
    _FunctionWrapper = wrapt.FunctionWrapper[..., Any]
else:
    _FunctionWrapper = wrapt.FunctionWrapper


class GeneratorFunction(_FunctionWrapper):
    """A generator function to everyone who asks `inspect`; pickled and copied by its name, as functions are."""

    def __reduce_ex__(self, _protocol: object) -> str:
        return self.__wrapped__.__qualname__

    def __copy__(self) -> GeneratorFunction:
        return self

    def __deepcopy__(self, _memo: object) -> GeneratorFunction:
        return self
