"""Reads the usage blocks of OpenAI's API and of the servers that speak it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from spanledger.usage import Usage, count
from spanledger_instrumentation.openai.shapes import mapping

#: Bytes of text in a token: what is generally seen with English and code. Serves estimates only, never bounds.
BYTES_PER_TOKEN = 4
#: Seconds of generation that were under way when an answer was given up.
UNDER_WAY_SECONDS = 2.0
#: No model writes faster than this many tokens a second; short-lived streams would seem to.
FASTEST = 200.0


def _number(block: Mapping[str, Any], *keys: str) -> int | None:
    for key in keys:
        value = block.get(key)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return count(value)
    return None


def read_usage(raw: object) -> Usage | None:
    """The usage of a chat, completion, embedding or response; None if the block holds no usable count.

    Chat and embeddings name their counts `prompt_tokens` and `completion_tokens`, the Responses API `input_tokens` and
    `output_tokens`; in both cached and reasoning tokens are parts. Servers that put Anthropic's exclusive cache counts
    beside them (Databricks, LiteLLM) already count those as prompt tokens.
    """
    block = mapping(raw)
    tokens_in = _number(block, "prompt_tokens", "input_tokens")
    tokens_out = _number(block, "completion_tokens", "output_tokens")
    if tokens_in is None and tokens_out is None:
        tokens_in = _number(block, "total_tokens")  # Voyage tells no more of an embedding
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
        reported_nano_usd=_reported(block),
    ).flagged()
    return usage if usage.plausible else None


def _cache_read(block: Mapping[str, Any], details: Mapping[str, Any]) -> int:
    """Cached input where OpenAI puts it, else where DeepSeek, Databricks, Moonshot or Together do."""
    found = _number(details, "cached_tokens")
    if found is None:
        found = _number(block, "prompt_cache_hit_tokens", "cache_read_input_tokens", "cached_tokens")
    return found or 0


def _reported(block: Mapping[str, Any]) -> int | None:
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


def texts(value: object) -> Iterator[str]:
    """Every string in a piece of a request body, base64 and links of images left out."""
    if isinstance(value, str):
        if not value.startswith("data:"):
            yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from texts(item)


def estimated_input(body: Mapping[str, Any]) -> int:
    """Input tokens of a request whose provider did not tell them."""
    prompt = (body.get(key) for key in ("messages", "input", "prompt", "instructions", "tools"))
    size = sum(len(text.encode("utf-8", "replace")) for text in texts(list(prompt)))
    return math.ceil(size / BYTES_PER_TOKEN)


def estimated(body: Mapping[str, Any], seen: int, elapsed: float, *, given_up: bool) -> Usage:
    """Usage of an answer whose provider did not tell it: `seen` output tokens, `elapsed` seconds after the start.

    For an answer given up, what was under way is added: two seconds at the rate seen. Never above the request's cap.
    """
    output = seen
    if given_up:
        output += math.ceil(UNDER_WAY_SECONDS * min(FASTEST, seen / max(elapsed, 0.001)))
    if (limit := cap(body)) is not None:
        output = min(output, limit)
    return Usage(input=estimated_input(body), output=output, estimated=True)


def cap(body: Mapping[str, Any]) -> int | None:
    """The request's cap on output tokens."""
    for key in ("max_completion_tokens", "max_tokens", "max_output_tokens"):
        value = body.get(key)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    return None
