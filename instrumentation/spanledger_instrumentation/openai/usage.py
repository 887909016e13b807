"""Reads the usage blocks of OpenAI's API and of the servers that speak it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spanledger.usage import Usage, count
from spanledger_instrumentation.clients.counts import number, reported
from spanledger_instrumentation.clients.shapes import mapping


def read_usage(raw: object) -> Usage | None:
    """The usage of a chat, completion, embedding or response; None if the block holds no usable count.

    Chat and embeddings name their counts `prompt_tokens` and `completion_tokens`, the Responses API `input_tokens` and
    `output_tokens`; in both cached and reasoning tokens are parts. Servers that put Anthropic's exclusive cache counts
    beside them (Databricks, LiteLLM) already count those as prompt tokens.
    """
    block = mapping(raw)
    tokens_in = number(block, "prompt_tokens", "input_tokens")
    tokens_out = number(block, "completion_tokens", "output_tokens")
    if tokens_in is None and tokens_out is None:
        tokens_in = number(block, "total_tokens")  # Voyage tells no more of an embedding
    if tokens_in is None and tokens_out is None:
        return None
    into = mapping(block.get("prompt_tokens_details") or block.get("input_tokens_details"))
    out = mapping(block.get("completion_tokens_details") or block.get("output_tokens_details"))
    usage = Usage(
        input=tokens_in or 0,
        output=tokens_out or 0,
        cache_read=_cache_read(block, into),
        cache_write=count(into.get("cache_write_tokens")) or count(block.get("cache_creation_input_tokens")),
        reasoning=count(out.get("reasoning_tokens")),
        input_audio=count(into.get("audio_tokens")),
        output_audio=count(out.get("audio_tokens")),
        input_image=count(into.get("image_tokens")),
        output_image=count(out.get("image_tokens")),
        reported_nano_usd=reported(block),
    ).flagged()
    return usage if usage.plausible else None


def _cache_read(block: Mapping[str, Any], details: Mapping[str, Any]) -> int:
    """Cached input where OpenAI puts it, else where DeepSeek, Databricks, Moonshot or Together do."""
    found = number(details, "cached_tokens")
    if found is None:
        found = number(block, "prompt_cache_hit_tokens", "cache_read_input_tokens", "cached_tokens")
    return found or 0
