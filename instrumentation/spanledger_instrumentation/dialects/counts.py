"""What the readers of counts share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from spanledger.usage import NO_UNITS, Units, Usage, count
from spanledger_instrumentation.openai.shapes import mapping


def number(block: Mapping[str, Any], *keys: str) -> int | None:
    """The first of these keys that holds a number; None if none does."""
    for key in keys:
        value = block.get(key)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return count(value)
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


def exclusive(block: Mapping[str, Any]) -> Usage | None:
    """The `usage` of Anthropic's Messages API, wherever it is served."""
    by_life = mapping(block.get("cache_creation"))
    long = count(by_life.get("ephemeral_1h_input_tokens"))
    told = number(block, "cache_creation_input_tokens")
    tools = mapping(block.get("server_tool_use"))
    units = Units(
        web_fetches=count(tools.get("web_fetch_requests")),
        code_executions=count(tools.get("code_execution_requests")),
    )
    found = Usage(
        input=count(block.get("input_tokens")),
        output=count(block.get("output_tokens")),
        cache_read=count(block.get("cache_read_input_tokens")),
        cache_write=long + count(by_life.get("ephemeral_5m_input_tokens")) if told is None else told,
        cache_write_long=long,
        reasoning=count(mapping(block.get("output_tokens_details")).get("thinking_tokens")),
        web_searches=count(tools.get("web_search_requests")),
        units=units or NO_UNITS,
    )
    return inclusive(found, None)
