"""Reads the usage blocks of OpenAI's API and of the servers that speak it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spanledger.usage import NO_UNITS, Units, Usage, count
from spanledger_instrumentation.clients.counts import number, reported, usable
from spanledger_instrumentation.clients.shapes import mapping

#: Where details of input and output stand: in chat, in the Responses API, in transcriptions and realtime.
_INTO = ("prompt_tokens_details", "input_tokens_details", "input_token_details", "prompt_token_details")
_OUT = ("completion_tokens_details", "output_tokens_details", "output_token_details")
#: What the details count, and the field of `Usage` that it is: of input, of output, of what was read from a cache, and
#: of what was written to one.
_INPUT_PARTS = {"audio_tokens": "input_audio", "image_tokens": "input_image", "video_tokens": "input_video"}
_OUTPUT_PARTS = {
    "audio_tokens": "output_audio",
    "image_tokens": "output_image",
    "accepted_prediction_tokens": "accepted_prediction",
    "rejected_prediction_tokens": "rejected_prediction",
}
_CACHED_PARTS = {"audio_tokens": "cache_read_audio", "image_tokens": "cache_read_image"}
_WRITTEN_PARTS = {"ttl_12h_tokens": "cache_write_long"}
#: What every block of OpenAI's has; a block with nothing else tells of nothing that is no token.
_COMMON = frozenset(
    ("prompt_tokens", "completion_tokens", "input_tokens", "output_tokens", "total_tokens", *_INTO, *_OUT)
)


def read_usage(raw: object) -> Usage | None:
    """The usage of a chat, completion, embedding, response, transcription, image or realtime turn; None if it has none.

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
        return _timed(block)
    into, out = _first(block, _INTO), _first(block, _OUT)
    reasoning = count(out.get("reasoning_tokens")) or count(block.get("reasoning_tokens"))
    plain = (tokens_in or 0) + (tokens_out or 0)
    beyond, total = _beyond(block, plain, reasoning), count(block.get("total_tokens"))
    more = {} if block.keys() <= _COMMON else _more(block)
    return usable(
        Usage(
            input=tokens_in or 0,
            output=(tokens_out or 0) + beyond,
            cache_read=_cache_read(block, into),
            cache_write=count(into.get("cache_write_tokens")) or count(block.get("cache_creation_input_tokens")),
            reasoning=reasoning,
            reported_total=total if total > plain + beyond else 0,
            **_parts(into, _INPUT_PARTS),
            **_parts(out, _OUTPUT_PARTS),
            **_parts(into.get("cached_tokens_details"), _CACHED_PARTS),
            **_parts(into.get("cache_write_tokens_details"), _WRITTEN_PARTS),
            **more,
        )
    )


def _parts(details: object, fields: Mapping[str, str]) -> dict[str, Any]:
    """The counts that are there; most are not, or are 0."""
    found = mapping(details)
    return {field: count(told) for key, field in fields.items() if (told := found.get(key))} if found else {}


def _more(block: Mapping[str, Any]) -> dict[str, Any]:
    """What only some servers tell."""
    return {
        "citation": count(block.get("citation_tokens")),
        "web_searches": _searches(block),
        "reported_nano_usd": reported(block),
        "units": _units(block),
    }


def _first(block: Mapping[str, Any], keys: tuple[str, ...]) -> Mapping[str, Any]:
    for key in keys:
        if found := block.get(key):
            return mapping(found)
    return {}


def _cache_read(block: Mapping[str, Any], details: Mapping[str, Any]) -> int:
    """Cached input where OpenAI puts it, else where Perplexity, DeepSeek, Databricks, Moonshot, Together or vLLM do."""
    found = number(details, "cached_tokens", "cache_read_input_tokens")
    if found is None:
        keys = ("prompt_cache_hit_tokens", "cache_read_input_tokens", "cached_tokens", "num_cached_tokens")
        found = number(block, *keys)
    return found or 0


def _beyond(block: Mapping[str, Any], total: int, reasoning: int) -> int:
    """Output that `completion_tokens` leaves out.

    With xAI that is reasoning, which only the sum of tokens shows; with Perplexity's deep research reasoning and
    citations, which not even the sum has (https://docs.perplexity.ai/getting-started/pricing).
    """
    if "citation_tokens" in block:
        return reasoning + count(block["citation_tokens"])
    return reasoning if reasoning > 0 and number(block, "total_tokens") == total + reasoning else 0


def _searches(block: Mapping[str, Any]) -> int:
    """Searches that are told among the tokens, by Perplexity, OpenRouter and xAI."""
    if (found := number(block, "num_search_queries")) is not None:
        return found
    if tools := mapping(block.get("server_tool_use")):
        return count(tools.get("web_search_requests"))
    if tools := mapping(block.get("server_side_tool_usage_details")):
        return count(tools.get("web_search_calls"))
    return count(mapping(mapping(block.get("tool_calls_details")).get("search_web")).get("invocation"))


def _units(block: Mapping[str, Any]) -> Units:
    """What is no token: seconds of audio that Mistral bills, and tools of xAI."""
    if seconds := block.get("prompt_audio_seconds"):
        return Units(audio_ms=milliseconds(seconds))
    tools = mapping(block.get("server_side_tool_usage_details"))
    if not tools:
        return NO_UNITS
    return Units(
        social_searches=count(tools.get("x_search_calls")),
        file_searches=count(tools.get("file_search_calls")) + count(tools.get("document_search_calls")),
        code_executions=count(tools.get("code_interpreter_calls")),
    )


def milliseconds(seconds: object) -> int:
    """Seconds as whole milliseconds, rounded up; 0 if they are no number."""
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 < seconds < 1e9:
        return 0
    return -(-int(seconds * 1_000_000) // 1_000)


def _timed(block: Mapping[str, Any]) -> Usage | None:
    """The `timings` of llama.cpp's server: `prompt_n` is what was evaluated, `cache_n` came from its cache."""
    evaluated, written = number(block, "prompt_n"), number(block, "predicted_n")
    if evaluated is None and written is None:
        return None
    cached = count(block.get("cache_n"))
    return usable(Usage(input=(evaluated or 0) + cached, output=written or 0, cache_read=cached))
