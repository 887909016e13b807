"""`/admin/*`: the view of somebody who looks after everything, over days."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from spanledger.ledger.questions import queries
from spanledger.ledger.questions.results import Percentiles
from spanledger.service.access import CallerOf, needs
from spanledger.service.answers.metrics import Answer
from spanledger.service.asked import Asked, Question, understood
from spanledger.service.figures import ms, percent, usd
from spanledger.service.metrics.performance import dearest
from spanledger.service.parts import Parts
from spanledger.service.problems import Problem
from spanledger.service.routes.metrics import head

router = APIRouter(prefix="/admin", tags=["admin"], dependencies=[needs("admin")])


class Over(Question):
    """Which calls, over how many days up to now; a `since` or `until` wins."""

    days: int = Field(7, ge=1, le=3660, description="So many days up to now, if no minutes are given.")


def _over(question: Annotated[Over, Query()], caller: CallerOf, service: Parts) -> Asked:
    given = question.model_fields_set
    if given >= {"days", "time_window_minutes"}:
        raise Problem(422, "days and time_window_minutes both say how long the window is; give one of them.")
    if "time_window_minutes" not in given:
        question = question.model_copy(update={"time_window_minutes": question.days * 1440})
    return understood(question, caller, service.clock())


OverOf = Annotated[Asked, Depends(_over)]


class LlmMetrics(Answer):
    """`/admin/llm-metrics`. Null is what nobody can tell, because there were no calls."""

    total_calls: int
    avg_latency_ms: float | None
    p95_latency_ms: float | None
    total_cost_usd: float
    total_cost_nano_usd: int
    unpriced_calls: int
    total_tokens: int
    avg_tokens_per_request: float | None = Field(description="Calls that told no usage are in it with 0 tokens.")
    error_rate: float | None = Field(description="The share of calls that failed, of 1.")
    error_rate_percent: float | None


class OperationPerformance(BaseModel):
    """How one operation did."""

    operation: str
    count: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    error_rate: float | None = Field(description="The share of calls that failed, of 1.")
    error_rate_percent: float | None


class LlmPerformance(Answer):
    """`/admin/llm-performance`, the operation that costs most first."""

    operations: list[OperationPerformance]


@router.get("/llm-metrics")
def llm_metrics(asked: OverOf, service: Parts) -> LlmMetrics:
    """The sums of some days."""
    with service.reading() as connection:
        sums = queries.totals(connection, asked.window, asked.only)
        took = queries.percentiles(connection, asked.window, asked.only)
    return LlmMetrics(
        total_calls=sums.calls,
        avg_latency_ms=ms(sums.mean),
        p95_latency_ms=ms(took.p95),
        total_cost_usd=usd(sums.cost),
        total_cost_nano_usd=sums.cost,
        unpriced_calls=sums.unpriced,
        total_tokens=sums.tokens,
        avg_tokens_per_request=sums.tokens / sums.calls if sums.calls else None,
        **_errors(sums.error_rate),
        **head(asked),
    )


@router.get("/llm-performance")
def llm_performance(asked: OverOf, service: Parts) -> LlmPerformance:
    """Percentiles and error rates by operation."""
    with service.reading() as connection:
        found = queries.by(connection, "operation", asked.window, asked.only)
        took = queries.percentiles_by(connection, "operation", asked.window, asked.only)
    operations = []
    for name, sums in dearest(found):
        own = took.get(name, Percentiles())
        times = {"p50_ms": ms(own.p50), "p95_ms": ms(own.p95), "p99_ms": ms(own.p99)}
        operations.append(OperationPerformance(operation=name, count=sums.calls, **times, **_errors(sums.error_rate)))
    return LlmPerformance(operations=operations, **head(asked))


def _errors(rate: float | None) -> dict[str, Any]:
    return {"error_rate": None if rate is None else round(rate, 6), "error_rate_percent": percent(rate)}
