"""Budgets behind the choke points: calls that only a span of somebody else's instrumentation tells of.

Nothing can be held for them: nobody knows their requests. What can be done is done: a call of a budget that is spent is
refused where an exception that leaves `start_span` gets through to the app, and every call is charged when it ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.trace import Span
from opentelemetry.trace import SpanKind

from spanledger import scope
from spanledger.call import SCOPE_NAME
from spanledger.errors import exceeded
from spanledger.guard import Asked, Ended, Guard
from spanledger.lineage import Lineage
from spanledger.pipeline.covered import INFERENCE, Claim, library
from spanledger.pipeline.stage import plain
from spanledger.semconv import aliases, names


class SecondLine:
    """What a guard does about spans that are not ours."""

    def __init__(self, guard: Guard, lineage: Lineage) -> None:
        self._guard = guard
        self._lineage = lineage

    def starting(self, span: Span, parent_context: Context | None) -> None:
        """A span starts.

        Raises:
            BudgetExceeded: It is a call of a hard budget that is spent, and none of ours is around it.
        """
        if span.kind is not SpanKind.CLIENT or library(span) == SCOPE_NAME:
            return
        found = aliases.canonical(plain(span.attributes), library(span))
        if found.get(names.GEN_AI_OPERATION_NAME) not in INFERENCE or self._ours(span):
            return
        run = self._lineage.run_of(span.parent.span_id) if span.parent is not None else None
        refusal = self._guard.spent(_asked(found, _payer(scope.current(parent_context), run)))
        if refusal is not None:
            raise exceeded(refusal)

    def _ours(self, span: Span) -> bool:
        above = self._lineage.open(span.parent.span_id) if span.parent is not None else None
        return above is not None and (above.claimed or self._lineage.inside(above))

    def counted(self, claimed: Claim, nano_usd: int | None) -> Ended | None:
        """A call has ended that nobody else counts: charge it to whoever paid where it began."""
        ticket = self._guard.ticket(_asked(claimed.found, payer_of(claimed)))
        if ticket is None:
            return None
        ticket.settle(claimed.usage, nano_usd)
        return ticket.ended


def payer_of(claimed: Claim) -> scope.Scope:
    """Who pays for a call of another library: whoever paid where it began."""
    node = claimed.node
    return _payer(node.payer, node.run) if node is not None else _payer(scope.EMPTY, None)


def _payer(payer: scope.Scope, run: str | None) -> scope.Scope:
    return payer if payer.run is not None else scope.with_run(payer, run or scope.process_run())


def _asked(found: Mapping[str, Any], payer: scope.Scope) -> Asked:
    model = found.get(names.GEN_AI_REQUEST_MODEL) or found.get(names.GEN_AI_RESPONSE_MODEL)
    provider = str(found.get(names.GEN_AI_PROVIDER_NAME, "openai"))
    return Asked(provider, str(model) if model else None, payer)
