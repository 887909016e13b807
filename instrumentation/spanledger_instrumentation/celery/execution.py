"""One execution of a task, from before its code until everything that follows from it has been sent on."""

from __future__ import annotations

from typing import Any

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer

from spanledger import scope
from spanledger.errors import type_name
from spanledger.scope import Held, Scope
from spanledger.semconv import names
from spanledger_instrumentation import carrier


class Execution:
    """Holds the scope of a task, and its span; without a tracer somebody else has made the span that is current."""

    def __init__(self, task: Any, request: Any, task_id: str, tracer: Tracer | None) -> None:
        self.request = request  # kept, so that its id() stays its own
        ctx = _carried(request) if tracer else _here(request)
        if scope.current(ctx).run is None:
            ctx = scope.inside(Scope(run=task_id), ctx)
        self._span: Span | None = None
        if tracer:
            attributes = {**_attributes(request, task_id), **scope.current(ctx).attributes()}
            self._span = tracer.start_span(f"run/{task.name}", ctx, SpanKind.CONSUMER, attributes)
            ctx = trace.set_span_in_context(self._span, ctx)
        self._held = Held(ctx)

    def failed(self, error: BaseException) -> None:
        """The task ends with this error. A retry is none."""
        if self._span is not None:
            self._span.set_attribute(names.ERROR_TYPE, type_name(error))
            self._span.set_status(Status(StatusCode.ERROR))

    def end(self) -> None:
        """The task and all that follows from it are done."""
        self._held.release()
        if self._span is not None:
            self._span.end()


def _carried(request: Any) -> Context:
    """The context that the message carries; for an eager task, that of its caller."""
    return context.get_current() if request.is_eager else carrier.unpack(vars(request))


def _here(request: Any) -> Context:
    """The current context, which upstream has made of the message, with the scope of the message in it."""
    return scope.inside(scope.current(_carried(request)), scope.without_baggage(context.get_current()))


def _attributes(request: Any, task_id: str) -> dict[str, str]:
    found = {
        names.MESSAGING_SYSTEM: "celery",
        names.MESSAGING_OPERATION_NAME: "run",
        names.MESSAGING_OPERATION_TYPE: "process",
        names.MESSAGING_MESSAGE_ID: task_id,
    }
    if queue := (request.delivery_info or {}).get("routing_key"):
        found[names.MESSAGING_DESTINATION_NAME] = str(queue)
    return found
