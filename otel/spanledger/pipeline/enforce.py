"""First stage: sees every span when it starts, and knows whose run it belongs to."""

from __future__ import annotations

from opentelemetry.context import Context
from opentelemetry.sdk.trace import Span, SpanProcessor
from opentelemetry.trace import SpanKind

from spanledger import scope
from spanledger.errors import contained
from spanledger.lineage import Lineage
from spanledger.pipeline.second_line import SecondLine
from spanledger.pipeline.stage import Stage

_ENTRIES = (SpanKind.SERVER, SpanKind.CONSUMER)


class Enforce(Stage):
    """Places a starting span into the lineage. A request or a task begins a run of its own, unless one was named."""

    def __init__(self, following: SpanProcessor, lineage: Lineage, budgets: SecondLine | None = None) -> None:
        super().__init__(following)
        self._lineage = lineage
        self._budgets = budgets

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Place the span, then pass it on.

        Raises:
            BudgetExceeded: It is a call of another library, and its budget is spent.
        """
        with contained("pipeline"):
            if self._budgets is not None:
                self._budgets.starting(span, parent_context)
            self._place(span, parent_context)
        self.pass_start(span, parent_context)

    def _place(self, span: Span, parent_context: Context | None) -> None:
        own, parent = span.get_span_context(), span.parent
        payer = scope.current(parent_context)
        run = None
        if span.kind in _ENTRIES:
            run = payer.run or f"{own.trace_id:032x}-{own.span_id:016x}"
        self._lineage.opened(own.span_id, parent.span_id if parent is not None else None, run, payer)
