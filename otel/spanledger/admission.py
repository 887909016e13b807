"""What one call asks of its budgets, told on its span."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from opentelemetry.trace import Span

from spanledger.bound import Bound
from spanledger.budget.model import in_unit
from spanledger.errors import Refusal, Refused
from spanledger.guard import BudgetPause, Cut, Decision, Deferred, Ended, Ticket, Warned
from spanledger.money import NANO
from spanledger.pricing import Price
from spanledger.semconv import names
from spanledger.usage import Usage

#: Nothing is to be changed.
UNCUT = Cut()

__all__ = ["UNCUT", "Admission", "Cut", "halt_attributes"]


class Admission:
    """A ticket with the span that says what came of it."""

    def __init__(self, ticket: Ticket, span: Span) -> None:
        self._ticket = ticket
        self._span = span

    def cut(self, bound: Bound, *, fixed: bool = False) -> Cut:
        """What to change in the request so that it fits; `fixed`: the model cannot be.

        Raises:
            Refused: a budget wants a cap of the app's own.
        """
        asked = self._ticket.asked.model
        try:
            cut = self._ticket.cut(bound, fixed=fixed)
        except Refused as refused:
            self._tell(refused.refusal)
            raise
        if cut.output is not None:
            self._span.set_attribute(names.SPANLEDGER_BUDGET_OUTPUT_CAP, cut.output)
        if cut.model is not None:
            self._span.set_attribute(names.SPANLEDGER_BUDGET_DOWNGRADED_FROM, asked or "")
            self._span.set_attribute(names.GEN_AI_REQUEST_MODEL, cut.model)
        return cut

    def admit(self, *bounds: Bound) -> Iterator[float]:
        """Take the hold of an attempt; yields seconds to sleep while there is hope. A batch has many worst cases.

        Raises:
            Refused: there is none.
        """
        told = None
        try:
            for seconds in self._ticket.admit(*bounds):
                told = self._tell_pause(told)
                yield seconds
        except Refused as refused:
            self._tell_decision()
            self._tell(refused.refusal)
            raise
        self._tell_decision()

    def _tell_pause(self, told: BudgetPause | None) -> BudgetPause | None:
        """That the call is paused, once; what was told."""
        pause = self._ticket.waiting.pause if self._ticket.waiting else None
        if pause is not None and pause is not told:
            self._span.add_event(names.EVENT_SPANLEDGER_BUDGET_PAUSE, _pause(pause))
        return pause

    def _tell_decision(self) -> None:
        """How the pause ended, if there was one."""
        decision = self._ticket.waiting.decision if self._ticket.waiting else None
        if decision is not None:
            self._span.add_event(names.EVENT_SPANLEDGER_BUDGET_DECISION, _decision(decision))

    @property
    def ended(self) -> Ended | None:
        """What was charged last; None where nothing was."""
        return self._ticket.ended

    def attempt_over(self, *, billed: bool) -> None:
        """The attempt brought no answer; `billed` unless it is known that nobody is charged for it."""
        self._ticket.failed(billed=billed)

    def told(self, span: Span) -> Admission:
        """The same, told on another span: it was asked before there was one."""
        return Admission(self._ticket, span)

    def defer(self, ttl: float) -> str | None:
        """Let the hold outlive the call by `ttl` seconds; what `resume` needs, None where there is no hold."""
        deferred = self._ticket.defer(ttl)
        return None if deferred is None else deferred.text

    def resume(self, deferred: str) -> None:
        """Take over the hold that an earlier call, here or in another process, deferred."""
        self._ticket.resume(Deferred.of(deferred))

    def settle(self, usage: Usage | None, price: Price | None, calls: int = 1) -> dict[str, Any]:
        """The call is over; what it was charged, as attributes. `calls`: see the ticket."""
        nano_usd = None if price is None else price.nano_usd
        for warned in self._ticket.settle(usage, nano_usd, calls, partial=price is not None and bool(price.missing)):
            self._span.add_event(names.EVENT_SPANLEDGER_BUDGET_WARNING, _warning(warned))
        charged, ended = self._ticket.charged, self._ticket.ended
        found = {} if ended is None else ended.attributes()
        if charged and charged != nano_usd:
            found[names.SPANLEDGER_BUDGET_CHARGED] = charged / NANO
        return found

    def _tell(self, refusal: Refusal) -> None:
        self._span.add_event(names.EVENT_SPANLEDGER_BUDGET_HALT, halt_attributes(refusal))


def halt_attributes(refusal: Refusal) -> dict[str, Any]:
    """A refusal, as the attributes of the event that tells of it."""
    amounts = {
        names.SPANLEDGER_BUDGET_LIMIT: refusal.limit,
        names.SPANLEDGER_BUDGET_SPENT: refusal.committed,
        names.SPANLEDGER_BUDGET_HELD: refusal.held,
        names.SPANLEDGER_BUDGET_NEEDED: refusal.needed,
    }
    return {
        names.SPANLEDGER_BUDGET_NAME: refusal.budget,
        names.SPANLEDGER_BUDGET_KIND: refusal.kind,
        names.SPANLEDGER_BUDGET_SCOPE_VALUE: refusal.scope_value,
        names.SPANLEDGER_BUDGET_WINDOW: refusal.window,
        names.SPANLEDGER_BUDGET_UNIT: refusal.unit,
        **{name: float(in_unit(refusal.unit, value)) for name, value in amounts.items() if value is not None},
    }


def _warning(warned: Warned) -> dict[str, Any]:
    return {
        names.SPANLEDGER_BUDGET_NAME: warned.budget.name,
        names.SPANLEDGER_BUDGET_SCOPE_VALUE: warned.counter.value,
        names.SPANLEDGER_BUDGET_WINDOW: warned.counter.window,
        names.SPANLEDGER_BUDGET_UNIT: warned.budget.unit,
        names.SPANLEDGER_BUDGET_THRESHOLD: float(in_unit(warned.budget.unit, warned.threshold)),
    }


def _pause(pause: BudgetPause) -> dict[str, Any]:
    return {
        names.SPANLEDGER_BUDGET_NAME: pause.budget,
        names.SPANLEDGER_BUDGET_SCOPE_VALUE: pause.scope_value,
        names.SPANLEDGER_BUDGET_WINDOW: pause.window,
        names.SPANLEDGER_BUDGET_UNIT: pause.unit,
        names.SPANLEDGER_BUDGET_LIMIT: float(pause.limit),
        names.SPANLEDGER_BUDGET_SPENT: float(pause.spent),
        names.SPANLEDGER_BUDGET_HELD: float(pause.held),
        names.SPANLEDGER_BUDGET_NEEDED: float(pause.needed),
        names.SPANLEDGER_BUDGET_PATIENCE: pause.seconds,
    }


def _decision(decision: Decision) -> dict[str, Any]:
    counter, unit = decision.place.counter, decision.place.budget.unit
    return {
        names.SPANLEDGER_BUDGET_NAME: counter.budget,
        names.SPANLEDGER_BUDGET_SCOPE_VALUE: counter.value,
        names.SPANLEDGER_BUDGET_WINDOW: counter.window,
        names.SPANLEDGER_BUDGET_UNIT: unit,
        names.SPANLEDGER_BUDGET_LIMIT: float(in_unit(unit, decision.limit)),
        names.SPANLEDGER_BUDGET_DECISION: decision.outcome,
        names.SPANLEDGER_BUDGET_WAITED: round(decision.waited, 3),
    }
