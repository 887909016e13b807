"""The answers of `/api/metrics/*`. Names that dashboards read already are kept; ours are added beside them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

State = Literal["ok", "degraded", "down", "not configured"]


class Answer(BaseModel):
    """What every answer begins with: when it was true, and of which whole minutes it speaks."""

    timestamp: datetime
    time_window_minutes: int
    since: datetime
    until: datetime = Field(description="The first moment that is left out.")
    version: Literal["1"] = "1"


class Speed(BaseModel):
    """How calls did that left; percentiles are within one percent. Null where there were none."""

    count: int
    avg_ms: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    error_rate_percent: float | None = Field(description="Errors and timeouts among the calls.")
    errors: int = Field(description="Without timeouts.")
    timeouts: int
    refused: int = Field(description="Calls that a budget did not let leave; they are in no other count.")
    lost_attempts: int = Field(description="Attempts without an answer that were perhaps billed; in no other count.")


class OperationSpeed(Speed):
    """The same of one operation."""

    operation: str


class GroupSpeed(Speed):
    """The same of one value of what is grouped by; empty where nothing was said."""

    key: str


_LEFT_OUT = "How many groups a list leaves out, those that cost least, by its name; lists that have all are not here."


class Performance(BaseModel):
    """How fast, and how often it failed."""

    all_operations: Speed
    top_operations: list[OperationSpeed] = Field(description="Those that cost most.")
    groups: list[GroupSpeed] | None = None
    left_out: dict[str, int] = Field(description=_LEFT_OUT)


class PerformanceAnswer(Answer):
    """`/api/metrics/performance`."""

    performance: Performance


class Cost(BaseModel):
    """What calls cost as far as it is known; `unpriced_calls` counts those of which it is not."""

    cost_usd: float
    cost_nano_usd: int
    unpriced_calls: int
    calls: int
    tokens_input: int
    tokens_output: int


class OperationCost(Cost):
    """Of one operation."""

    operation: str


class ModelCost(Cost):
    """Of one model, as it was asked for."""

    model: str


class StageCost(Cost):
    """Of one stage of the app."""

    stage: str


class TenantCost(Cost):
    """Of one tenant."""

    tenant: str


class GroupCost(Cost):
    """Of one value of what is grouped by; empty where nothing was said."""

    key: str


class Source(BaseModel):
    """Whose word the cost is, in USD. `provider` and `local` are the total; `estimated` is what of it is a guess."""

    provider: float
    provider_nano_usd: int
    local: float
    local_nano_usd: int
    estimated: float
    estimated_nano_usd: int
    unpriced_calls: int


class Projected(BaseModel):
    """How what is ahead was worked out."""

    method: Literal["last_days", "today", "none"] = Field(
        description="`last_days`: at the rate and the daily profile of the days before today. `today`: they had no "
        "calls, so at the rate of today so far. `none`: there is nothing to tell from."
    )
    days: int = Field(description="How many days before today it was told from, seven at most.")
    explanation: str


class Costs(BaseModel):
    """What it cost. Daily and monthly figures are of the same filters, whatever the window."""

    total_cost_usd: float
    total_cost_nano_usd: int
    unpriced_calls: int
    by_operation: list[OperationCost]
    by_model: list[ModelCost]
    by_stage: list[StageCost]
    by_tenant: list[TenantCost]
    groups: list[GroupCost] | None = None
    left_out: dict[str, int] = Field(description=_LEFT_OUT)
    cache_hit_rate_percent: float | None = Field(description="Of the app's own caches, all layers together.")
    daily_cost_usd: float = Field(description="Today so far, UTC.")
    daily_cost_nano_usd: int
    projected_daily_cost_usd: float | None = Field(description="What today will have cost.")
    projected_daily_cost_nano_usd: int | None
    projected_monthly_cost_usd: float | None = Field(description="For 30 days.")
    projected_monthly_cost_nano_usd: int | None
    projection: Projected
    source: Source


class CostsAnswer(Answer):
    """`/api/metrics/costs`."""

    costs: Costs


class Score(BaseModel):
    """What evaluations said under one name."""

    name: str
    count: int
    avg: float
    min: float
    max: float


class Said(BaseModel):
    """What evaluations said of some calls; null where nobody said anything."""

    count: int = Field(description="Evaluations named `quality`.")
    avg_quality_score: float | None = Field(description="Their mean.")
    refinement_rate_percent: float | None = Field(description="The share of `refined` that is not 0.")
    first_pass_acceptance_rate_percent: float | None = Field(description="The rest of it.")
    scores: list[Score]


class GroupSaid(Said):
    """The same of one value of the group. What was said of whole runs has an empty key."""

    key: str


class Quality(Said):
    """What evaluations said."""

    groups: list[GroupSaid] | None = None


class QualityAnswer(Answer):
    """`/api/metrics/quality`."""

    quality: Quality


class Layer(BaseModel):
    """A cache of the app's."""

    hits: int
    misses: int
    hit_rate_percent: float | None


class ProviderCache(BaseModel):
    """The provider's cache of prompts, in tokens."""

    tokens_input: int
    tokens_cache_read: int
    tokens_cache_write: int
    hit_rate_percent: float | None = Field(description="The share of input tokens that came from it.")


class GroupCache(BaseModel):
    """The caches of one value of the group."""

    key: str
    layers: dict[str, Layer] | None = Field(description="The app's, by layer; null where the group is not in events.")
    provider: ProviderCache


class Cache(BaseModel):
    """Caches by layer. The app's are null where a filter asks for what their events do not say."""

    l1: Layer | None
    l2: Layer | None
    prompt: Layer | None
    others: dict[str, Layer] = Field(description="Layers of other names.")
    provider: ProviderCache
    groups: list[GroupCache] | None = None
    note: str | None = None


class CacheAnswer(Answer):
    """`/api/metrics/cache`."""

    cache: Cache


class Components(BaseModel):
    """How the parts are that the service works with."""

    ledger: State = Field(description="The database of the calls.")
    store: State = Field(description="The store of the budgets.")
    collector: State
    redis: State
    provider: State = Field(description="Told by how many calls fail.")


class GroupHealth(BaseModel):
    """The calls of one value of the group, and how many of them failed."""

    key: str
    calls: int
    error_rate_percent: float | None


class Health(BaseModel):
    """How everything is; `status` is that of the worst part."""

    status: State
    components: Components
    details: dict[str, str] = Field(description="By component: what is the matter, and what to do.")
    error_rate_percent: float | None
    groups: list[GroupHealth] | None = None


class HealthAnswer(Answer):
    """`/api/metrics/health`."""

    health: Health


class DashboardAnswer(Answer):
    """`/api/metrics/dashboard`: all of them."""

    performance: Performance
    costs: Costs
    quality: Quality
    cache: Cache
    health: Health
