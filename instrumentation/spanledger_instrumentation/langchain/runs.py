"""The runs that are open, each with the context that holds inside it."""

from __future__ import annotations

import importlib.metadata
import sys
import weakref
from collections import deque
from collections.abc import Callable
from functools import cached_property
from typing import Any
from uuid import UUID

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.trace import Span, SpanKind, StatusCode

from spanledger import scope
from spanledger.errors import exceeded, type_name
from spanledger.scope import EMPTY, Scope
from spanledger.semconv import names
from spanledger_instrumentation.langchain.shapes import Place, Shape
from spanledger_instrumentation.langchain.stops import halt_of, tell

#: Name of the tracer.
TRACER = "spanledger.langchain"

_PLACE = context.create_key("spanledger-langchain-place")


def here() -> Place | None:
    """The place of the innermost run that the current context is inside of."""
    found = context.get_value(_PLACE)
    return found if isinstance(found, Place) else None


class Run:
    """An open run. `span` is None where it makes none: place and context are then those of the run around it."""

    __slots__ = ("context", "manager", "place", "span")

    def __init__(self, place: Place, inside: Context, span: Span | None) -> None:
        self.place = place
        self.context = inside
        self.span = span
        self.manager: weakref.ref[Any] | None = None

    def converse(self, conversation: str) -> None:
        """The conversation was named where a run cannot see it as it starts."""
        if conversation != scope.current(self.context).conversation:
            self.context = scope.inside(Scope(conversation=conversation), self.context)
            if self.span is not None:
                self.span.set_attribute(names.GEN_AI_CONVERSATION_ID, conversation)

    def continues(self, run: str) -> None:
        """The graph that begins here is taken up again: its calls are paid by the run that it was begun in."""
        self.context = scope.inside(Scope(run=run), self.context)
        if self.span is not None:
            self.span.set_attribute(names.SPANLEDGER_RUN_ID, run)


class OpenRuns:
    """The open runs by their id. Every operation on the map is one dict access, atomic under the interpreter."""

    def __init__(self, provider: trace.TracerProvider | None = None) -> None:
        self._provider = provider
        self._runs: dict[UUID, Run] = {}
        self._dropped: deque[UUID] = deque()

    def __len__(self) -> int:
        return len(self._runs)

    @cached_property
    def tracer(self) -> trace.Tracer:
        """Looked up late, because the provider is often set after the adapters."""
        try:
            version = importlib.metadata.version("spanledger")
        except importlib.metadata.PackageNotFoundError:  # run from a source tree
            version = None
        return trace.get_tracer(TRACER, version, self._provider)

    def get(self, run_id: UUID | None) -> Run | None:
        """The open run of this id."""
        return self._runs.get(run_id) if run_id is not None else None

    def start(
        self, run_id: UUID, parent_id: UUID | None, shaped: Callable[[Place | None, Scope], Shape | None]
    ) -> Run | None:
        """A run begins. `shaped` says what it becomes, given the place around it and the scope there.

        It begins inside its parent's context, or in the current one where that is further inside (the app may have
        opened a span of its own in between), or has no parent that we know.
        """
        self.reap()
        if run_id in self._runs or not is_instrumentation_enabled():
            return None
        parent = self.get(parent_id)
        place, current = here(), context.get_current()
        base = current if parent is None or parent.place.encloses(place) else parent.context
        outer = place if parent is None else parent.place
        shape = shaped(outer, scope.current(base))
        if shape is not None:
            run = self._begin(shape, base)
        elif parent is not None:
            run = Run(parent.place, parent.context, None)
        else:
            return None
        self._runs[run_id] = run
        return run

    def _begin(self, shape: Shape, base: Context) -> Run:
        span = self.tracer.start_span(shape.name, base, SpanKind.INTERNAL, shape.attributes)
        inside = trace.set_span_in_context(span, base)
        if shape.scope is not EMPTY:
            inside = scope.inside(shape.scope, inside)
        return Run(shape.place, context.set_value(_PLACE, shape.place, inside), span)

    def end(self, run_id: UUID, error: BaseException | None = None) -> None:
        """A run is over. Only the first end of a run counts."""
        run = self._runs.pop(run_id, None)
        if run is not None and run.span is not None:
            refusal = halt_of(error)
            if error is not None and (refusal is not None or not is_control_flow(error)):
                run.span.set_status(StatusCode.ERROR)
                run.span.set_attribute(names.ERROR_TYPE, type_name(exceeded(refusal) if refusal else error))
            if refusal is not None and run.place.stop is not None:
                tell(run.span, refusal, run.place.stop)
            run.span.end()

    def watch(self, run_id: UUID, manager: Any) -> None:
        """End the run, if it is open then, after its first run manager is gone: an abandoned generator, for one.

        That happens inside the garbage collector, where no lock may be taken; so the run ends with the next event.
        """
        run = self._runs.get(run_id)
        if run is not None and run.manager is None:
            run.manager = weakref.ref(manager, lambda _: self._dropped.append(run_id))

    def reap(self) -> None:
        """End the runs that nobody can end any more."""
        while self._dropped:
            try:
                run_id = self._dropped.popleft()
            except IndexError:
                return
            self.end(run_id)


def is_control_flow(error: BaseException) -> bool:
    """Whether an exception only carries control: a closed generator, an interrupted graph, a command for its parent."""
    if isinstance(error, GeneratorExit):
        return True
    errors = sys.modules.get("langgraph.errors")
    return errors is not None and isinstance(error, errors.GraphBubbleUp)
