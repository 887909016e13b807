"""Who pays for what is called in a context, and what their budgets say to it."""

from __future__ import annotations

from opentelemetry import context, trace

from spanledger import scope
from spanledger.admission import Admission
from spanledger.config import Settings
from spanledger.errors import Refusal, exceeded
from spanledger.guard import Asked, Guard
from spanledger.lineage import Lineage
from spanledger.messages import Request

#: Operations that no provider charges for.
FREE = frozenset({"moderation"})


class Payers:
    """Finds payers and asks their budgets; without a guard nobody has any."""

    def __init__(self, settings: Settings, lineage: Lineage, guard: Guard | None) -> None:
        self._trusts_baggage = settings.trusts_baggage
        self._lineage = lineage
        self._guard = guard

    def payer(self, here: context.Context, payer: scope.Scope | None = None) -> scope.Scope:
        """Who pays for a call that is made in a context, unless a payer is named; always with a run."""
        payer = payer or scope.current(here)
        if self._trusts_baggage:
            payer = payer.over(scope.from_baggage(here))
        if payer.run is None:
            payer = scope.with_run(payer, self._run_around(here) or scope.process_run())
        return payer

    def _run_around(self, here: context.Context) -> str | None:
        """The run of the request or task whose span is open around here."""
        if not here:
            return None
        return self._lineage.run_of(trace.get_current_span(here).get_span_context().span_id)

    def admission(
        self, request: Request, payer: scope.Scope, here: context.Context, span: trace.Span = trace.INVALID_SPAN
    ) -> Admission | None:
        """What a request asks of its budgets, None where none counts it. `span` is told of refusals."""
        guard = self._guard
        if guard is None:
            return None
        asked = Asked(
            request.provider,
            request.model,
            payer,
            tier=request.tier,
            key=request.key,
            baggage=scope.said(here) if guard.register.reads_baggage else {},
            free=request.operation in FREE,
        )
        ticket = guard.ticket(asked)
        return None if ticket is None else Admission(ticket, span)

    def halted(self, here: context.Context) -> Refusal | None:
        """The halt by which every call in a context would be refused; None where there is none, or nobody can tell."""
        guard = self._guard
        if guard is None:
            return None
        return guard.halted(self.payer(here), scope.said(here) if guard.register.reads_baggage else {})

    def unmetered(self, why: str) -> None:
        """A call is about to leave that cannot be metered; `why` says it in a sentence.

        Raises:
            BudgetExceeded: there is a hard budget, so it must not leave.
        """
        if self._guard is not None and (name := self._guard.closed) is not None:
            refusal = Refusal(name, "misconfigured", detail=self._guard.problem or why)
            raise exceeded(self._guard.refused(refusal).refusal)

    def unbounded(self, what: str) -> None:
        """Something is about to be asked for that costs money and is not metered.

        Raises:
            BudgetExceeded: there is a hard budget, and it does not say `unbounded: window`.
        """
        if self._guard is None:
            return
        if self._guard.problem is not None:
            self.unmetered(what)
        closed = next((budget for budget in self._guard.hard if budget.unbounded == "refuse"), None)
        if closed is not None:
            detail = f"{what}; it goes, uncounted, under unbounded: window"
            raise exceeded(self._guard.refused(Refusal(closed.name, "too_large", detail=detail)).refusal)
