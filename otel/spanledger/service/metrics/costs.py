"""What calls cost, whose word that is, and what is ahead."""

from __future__ import annotations

from typing import Any, Literal

from sqlalchemy import Connection

from spanledger.ledger.questions import queries
from spanledger.ledger.questions.results import Hits, Totals
from spanledger.service.answers.metrics import (
    Costs,
    GroupCost,
    ModelCost,
    OperationCost,
    Projected,
    Source,
    StageCost,
    TenantCost,
)
from spanledger.service.asked import Asked
from spanledger.service.figures import percent, usd
from spanledger.service.metrics.performance import dearest, left_out
from spanledger.service.metrics.reading import Reading

#: What the section tells costs by: the groups that its reading has.
GROUPS = ("operation", "model", "stage", "tenant")
Method = Literal["last_days", "today", "none"]
_TOLD: dict[Method, str] = {
    "last_days": "What the last {days} whole UTC days with calls cost, per day, times 30; today at the profile of "
    "those days: their share that was spent by this time of the day, hours taken as even.",
    "today": "There were no calls in the days before: today's cost by the share of the day that is over, times 30.",
    "none": "There were no calls in the days before, nor today.",
}


def costs(reading: Reading) -> Costs:
    """The section."""
    sums = reading.sums
    group = reading.asked.group and reading.by(reading.asked.group)
    by = {name: reading.by(name) for name in GROUPS}
    return Costs(
        total_cost_usd=usd(sums.cost),
        total_cost_nano_usd=sums.cost,
        unpriced_calls=sums.unpriced,
        by_operation=[OperationCost(operation=key, **cost(one)) for key, one in dearest(by["operation"])],
        by_model=[ModelCost(model=key, **cost(one)) for key, one in dearest(by["model"])],
        by_stage=[StageCost(stage=key, **cost(one)) for key, one in dearest(by["stage"])],
        by_tenant=[TenantCost(tenant=key, **cost(one)) for key, one in dearest(by["tenant"])],
        groups=None if group is None else [GroupCost(key=key, **cost(one)) for key, one in dearest(group)],
        left_out=left_out({**{f"by_{name}": found for name, found in by.items()}, "groups": group or {}}),
        cache_hit_rate_percent=_hit_rate(reading.hits),
        source=_source(sums),
        **_ahead(reading.connection, reading.asked),
    )


def cost(sums: Totals) -> dict[str, Any]:
    """The fields of `Cost`."""
    return {
        "cost_usd": usd(sums.cost),
        "cost_nano_usd": sums.cost,
        "unpriced_calls": sums.unpriced,
        "calls": sums.calls,
        "tokens_input": sums.input,
        "tokens_output": sums.output,
    }


def _source(sums: Totals) -> Source:
    return Source(
        provider=usd(sums.cost_provider),
        provider_nano_usd=sums.cost_provider,
        local=usd(sums.cost_local),
        local_nano_usd=sums.cost_local,
        estimated=usd(sums.cost_estimated),
        estimated_nano_usd=sums.cost_estimated,
        unpriced_calls=sums.unpriced,
    )


def _hit_rate(layers: dict[str, Hits] | None) -> float | None:
    found = () if layers is None else layers.values()
    return percent(sum(found, Hits()).rate)


def _ahead(connection: Connection, asked: Asked) -> dict[str, Any]:
    """Today so far, what it will have cost, and the month."""
    found = queries.projection(connection, asked.at, asked.only)
    method: Method = "last_days" if found.days else "today" if found.rows else "none"
    return {
        "daily_cost_usd": usd(found.today),
        "daily_cost_nano_usd": found.today,
        **_money("projected_daily_cost", None if method == "none" else found.of_today),
        **_money("projected_monthly_cost", None if method == "none" else found.monthly),
        "projection": Projected(method=method, days=found.days, explanation=_TOLD[method].format(days=found.days)),
    }


def _money(name: str, nano: int | None) -> dict[str, float | int | None]:
    return {f"{name}_usd": None if nano is None else usd(nano), f"{name}_nano_usd": nano}
