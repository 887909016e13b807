"""Counts and costs in usage blocks, whoever's they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from spanledger.usage import Units, Usage, count


def number(block: Mapping[str, Any], *keys: str) -> int | None:
    """The first of these keys that holds a number; None if none does."""
    for key in keys:
        value = block.get(key)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return count(value)
    return None


def reported(block: Mapping[str, Any]) -> int | None:
    """The cost that a gateway tells (OpenRouter: `cost`, in USD; xAI: `cost_in_usd_ticks`, 10^-10 USD), in nano-USD.

    A 0 is no report: gateways send it for calls that are billed elsewhere (keys of the user's own, for one).
    """
    cost = block.get("cost")
    if isinstance(cost, (int, float)) and not isinstance(cost, bool) and 0 < cost < 1e6:
        return int((Decimal(str(cost)) * 10**9).to_integral_value(rounding="ROUND_CEILING"))
    ticks = block.get("cost_in_usd_ticks")
    if isinstance(ticks, int) and not isinstance(ticks, bool) and 0 < ticks < 10**16:
        return -(-ticks // 10)
    return None


def usable(usage: Usage, units: Units | None = None) -> Usage | None:
    """A reading with its contradictions flagged; None if no model could have used this much."""
    if units:
        usage = replace(usage, units=units)
    found = usage.flagged()
    return found if found.plausible else None


def inclusive(usage: Usage, total: int | None) -> Usage | None:
    """Of a provider whose input leaves out what was read from and written to a cache (Anthropic, Bedrock).

    `total` is the sum that it told: where that leaves no room for the cached tokens, they were counted already.
    """
    cached = usage.cache_read + usage.cache_write
    if not (total is not None and cached and total == usage.total and usage.input >= cached):
        usage = replace(usage, input=usage.input + cached)
    return usable(usage)
