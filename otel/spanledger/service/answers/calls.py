"""The answers about single calls, runs, traces and tenants."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from spanledger.service.answers.metrics import Answer


class Call(BaseModel):
    """A metered call, or an attempt of one that was perhaps billed (`kind`). Null is what nobody knows."""

    id: str
    kind: str = Field(description="`call`, or `attempt` for one without an answer.")
    status: str = Field(description="`success`, `error`, `timeout`, `refused` or `lost`.")
    error_type: str | None
    started: datetime
    first_chunk: datetime | None
    ended: datetime
    duration_ms: float
    time_to_first_chunk_ms: float | None
    trace_id: str | None
    span_id: str | None
    run_id: str | None
    request_id: str | None
    session_id: str | None
    conversation_id: str | None
    service: str | None
    environment: str | None
    operation: str
    stage: str | None
    agent_name: str | None
    node: str | None
    workflow: str | None
    provider: str
    model: str | None = Field(description="The model asked for, else the one that answered.")
    request_model: str | None
    response_model: str | None
    tier: str | None
    tenant: str | None
    user_id: str | None
    tokens_input: int | None
    tokens_output: int | None
    tokens_total: int | None
    tokens_cache_read: int | None
    tokens_cache_write: int | None
    tokens_reasoning: int | None
    cost_usd: float | None
    cost_nano_usd: int | None
    cost_source: str | None
    price_status: str = Field(description="`priced`, `unpriced`, or `none` where nothing with a price was used.")
    price_version: str | None
    missing: list[str] = Field(description="What of the cost nobody knows.")
    estimated: bool
    suspect: bool = Field(description="What the provider said of the usage contradicts itself.")
    hold_id: str | None = Field(description="The hold of budgets that it settled.")
    attempts: int
    finish_reason: str | None
    stream: bool
    cache: str | None
    prompt_name: str | None
    prompt_version: str | None
    prompt_hash: str | None
    flags: dict[str, str] | None
    response_valid: bool | None = Field(description="Whether the answer had the shape that was asked for.")
    remaining_requests: int | None = Field(description="What the provider's rate limit had left.")
    remaining_tokens: int | None


class Calls(Answer):
    """A page of `/api/calls`, the latest first."""

    calls: list[Call]
    next: str | None = Field(description="The `cursor` of the next page; null: this is the last one.")


class Sums(BaseModel):
    """What calls come to; `unpriced_calls` counts those of which the cost is not known."""

    calls: int
    errors: int = Field(description="Timeouts among them.")
    refused: int
    lost_attempts: int
    tokens_input: int
    tokens_output: int
    tokens_total: int
    cost_usd: float
    cost_nano_usd: int
    unpriced_calls: int


class Run(Sums):
    """A run: everything that one request, task or process did; of its calls those that were asked about."""

    id: str
    started: datetime
    ended: datetime
    duration_ms: float
    service: str | None
    tenant: str | None
    user_id: str | None


class Runs(Answer):
    """A page of `/api/runs`, the latest first."""

    runs: list[Run]
    next: str | None = Field(description="The `cursor` of the next page; null: this is the last one.")


class OneRun(BaseModel):
    """`/api/runs/{id}`."""

    run: Run
    calls: list[Call] = Field(description="The first thousand, the earliest first.")


class Trace(BaseModel):
    """`/api/traces/{id}`."""

    trace_id: str
    jaeger_url: str | None = Field(description="The trace in Jaeger, where SPANLEDGER_JAEGER_URL is set.")
    totals: Sums
    calls: list[Call] = Field(description="The first thousand, the earliest first.")


class Tenant(Sums):
    """What one tenant used; empty where nobody said for whom."""

    tenant: str
    operations: int = Field(description="How many calls were made for it.")
    by_operation: dict[str, int] = Field(description="The same by operation.")
    avg_tokens_per_operation: float | None = Field(description="Calls that told no usage are in it with 0 tokens.")


class Tenants(Answer):
    """A page of `/api/tenants`, the one that costs most first."""

    tenants: list[Tenant]
    next: str | None = Field(description="The `cursor` of the next page; null: this is the last one.")
