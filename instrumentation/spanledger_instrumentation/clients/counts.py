"""Counts and costs in usage blocks, whoever's they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from spanledger.usage import Units, Usage, count
from spanledger_instrumentation.clients.shapes import mapping


def number(block: Mapping[str, Any], *keys: str) -> int | None:
    """The first of these keys that holds a number; None if none does."""
    for key in keys:
        value = block.get(key)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return count(value)
    return None


def digits(value: object) -> int | None:
    """A count in a header."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16 else None


def reported(block: Mapping[str, Any]) -> int | None:
    """The cost that the provider or a gateway tells, in nano-USD.

    OpenRouter and Perplexity tell it as `cost`, in USD, bare or with its parts; xAI as `cost_in_usd_ticks`, 10^-10
    USD. A 0 is no report: gateways send it for calls that are billed elsewhere. With a key of the user's own,
    OpenRouter's `cost` is its own fee, and what the model's provider takes comes on top; where that is not told, the
    whole is not known.
    """
    cost = block.get("cost")
    if isinstance(cost, Mapping):
        cost = cost.get("total_cost") if cost.get("currency", "USD") == "USD" else None
    fee = _nano(cost)
    if block.get("is_byok") is True:
        upstream = _nano(mapping(block.get("cost_details")).get("upstream_inference_cost"))
        return None if upstream is None else upstream + (fee or 0)
    ticks = block.get("cost_in_usd_ticks")
    if fee is None and isinstance(ticks, int) and not isinstance(ticks, bool) and 0 < ticks < 10**16:
        return -(-ticks // 10)
    return fee


def _nano(usd: object) -> int | None:
    if isinstance(usd, (int, float)) and not isinstance(usd, bool) and 0 < usd < 1e6:
        return int((Decimal(str(usd)) * 10**9).to_integral_value(rounding="ROUND_CEILING"))
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
