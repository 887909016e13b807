"""Reads the usage blocks of Anthropic's API, wherever it is served.

Anthropic counts input exclusively: `input_tokens` is what neither came from a cache nor went into one. Ours is
inclusive, so the three are added. Output is inclusive already, thinking and all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from spanledger.usage import NO_UNITS, Units, Usage, count
from spanledger_instrumentation.clients.counts import number, reported
from spanledger_instrumentation.clients.shapes import mapping, mappings, text

_INPUT = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")


def read_usage(raw: object) -> Usage | None:
    """The usage of a message; None if the block holds no usable count.

    The top of the block leaves out what a compaction of the context used (Anthropic, "Compaction at a token
    threshold"); that is billed like the rest, so it is added.
    """
    block = mapping(raw)
    if number(block, "input_tokens", "output_tokens") is None:
        return None
    usage = _counts(block)
    for step in mappings(block.get("iterations")):
        if step.get("type") == "compaction":
            usage = replace(usage + _counts(step), reported_nano_usd=usage.reported_nano_usd)
    usage = usage.flagged()
    return usage if usage.plausible else None


def advice(raw: object) -> Iterator[tuple[str, Usage]]:
    """What other models used that were asked for advice on the way: not in the block's own counts, at their prices."""
    for step in mappings(mapping(raw).get("iterations")):
        model = text(step.get("model"))
        if step.get("type") == "advisor_message" and model and (usage := _counts(step).flagged()).plausible:
            yield model, usage


def tier_of(raw: object) -> str | None:
    """The tier whose prices hold: `standard`, `priority`, `batch`, or `fast` for the faster mode of some models."""
    block = mapping(raw)
    return "fast" if block.get("speed") == "fast" else text(block.get("service_tier"))


def merged(begun: Mapping[str, Any], delta: object) -> dict[str, Any]:
    """The usage at the start of a stream, brought up to date by a later block. Counts are cumulative, never added.

    Input is replaced as a whole, and not by zeros: some servers tell it at the end only, some only at the start.
    """
    later = {key: value for key, value in mapping(delta).items() if value is not None}
    if not any(count(later.get(key)) for key in _INPUT):
        for key in _INPUT:
            later.pop(key, None)
    return {**begun, **later}


def _counts(block: Mapping[str, Any]) -> Usage:
    """The counts of one block. What contradicts itself is flagged, and the larger reading counts."""
    lives = mapping(block.get("cache_creation"))
    long = count(lives.get("ephemeral_1h_input_tokens"))
    by_life = count(lives.get("ephemeral_5m_input_tokens")) + long
    told = number(block, "cache_creation_input_tokens")
    uncached, read = count(block.get("input_tokens")), count(block.get("cache_read_input_tokens"))
    written = max(told or 0, by_life)
    details, tools = mapping(block.get("output_tokens_details")), mapping(block.get("server_tool_use"))
    return Usage(
        input=max(uncached, 0) + max(read, 0) + max(written, 0),
        output=count(block.get("output_tokens")),
        cache_read=read,
        cache_write=written,
        cache_write_long=long,
        reasoning=count(details.get("thinking_tokens")),
        web_searches=count(tools.get("web_search_requests")),
        units=Units(web_fetches=count(tools.get("web_fetch_requests"))) if tools else NO_UNITS,
        reported_nano_usd=reported(block),
        suspect=uncached < 0 or (told is not None and by_life > told),
    )
