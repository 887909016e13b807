"""Budgets behind the choke points: calls that only somebody else's span tells of."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from opentelemetry.trace import SpanKind
from tests.support.telemetry import Telemetry, telemetry

from spanledger import BudgetExceeded
from spanledger.budget.store import Counter, Figures
from spanledger.config import Settings
from spanledger.messages import Request
from spanledger.scope import Scope, inside
from spanledger.semconv import names

CALL = {
    names.GEN_AI_OPERATION_NAME: "chat",
    names.GEN_AI_PROVIDER_NAME: "openai",
    names.GEN_AI_REQUEST_MODEL: "gpt-4o-mini",
}
USED = {names.GEN_AI_USAGE_INPUT_TOKENS: 100, names.GEN_AI_USAGE_OUTPUT_TOKENS: 20}
COST = 100 * 150 + 20 * 600


@contextmanager
def budgeted(budgets: str) -> Iterator[Telemetry]:
    made = telemetry(Settings(budgets=budgets, store="memory:"))
    try:
        yield made
    finally:
        made.runtime.shutdown()


def call(made: Telemetry, tenant: str = "acme", kind: SpanKind = SpanKind.CLIENT) -> None:
    """A call as another library tells of it."""
    tracer = made.provider.get_tracer("somebody.else")
    with tracer.start_as_current_span("chat", inside(Scope(tenant=tenant)), kind, CALL) as span:
        span.set_attributes(USED)


def books(made: Telemetry, budget: str, value: str = "") -> Figures:
    guard = made.calls.guard
    assert guard is not None
    assert guard.store is not None
    unit = next(one.unit for one in guard.register.budgets if one.name == budget)
    return guard.store.figure(Counter(budget, value, "total", unit))


def test_a_call_of_another_library_is_charged_when_it_ends() -> None:
    with budgeted("global=1USD;tenant=1000tokens;service=9calls") as made:
        call(made)
        assert books(made, "global/total") == Figures(committed=COST)
        assert books(made, "tenant/total", "acme") == Figures(committed=120)
        assert books(made, "service/total", "tests") == Figures(committed=1)


def test_once_the_budget_is_spent_the_next_call_of_another_library_does_not_begin() -> None:
    with budgeted(f"tenant={COST / 1e9:.9f}USD") as made:
        call(made)
        with pytest.raises(BudgetExceeded) as refused:
            call(made)
        assert (refused.value.kind, refused.value.scope_value) == ("exhausted", "acme")
        call(made, tenant="umbra")
        assert len(made.spans) == 2


def test_spans_that_are_no_calls_begin_whatever_is_spent() -> None:
    with budgeted("global=0USD") as made:
        with made.tracer.start_as_current_span("GET /", kind=SpanKind.CLIENT):
            pass
        with made.tracer.start_as_current_span("node", attributes=CALL, kind=SpanKind.INTERNAL):
            pass
        assert len(made.spans) == 2


def test_a_span_that_repeats_a_call_of_ours_is_neither_refused_nor_charged() -> None:
    with budgeted("global=1USD") as made:
        ours = made.calls.start(Request("chat", "openai", "gpt-4o-mini"))
        active = ours.active()
        call(made)
        active.release()
        ours.fail(RuntimeError("it does not matter"))
        assert books(made, "global/total").committed == 0


def test_a_budget_that_only_warns_refuses_nothing() -> None:
    with budgeted("global=0USD,action=warn") as made:
        call(made)
        assert books(made, "global/total") == Figures(committed=COST)
