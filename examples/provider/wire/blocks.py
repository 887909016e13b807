"""Parts that several answers share: usage, service tier, fingerprint, Azure's filter results."""

from __future__ import annotations

import hashlib
from itertools import cycle, islice

from provider.desk import Ask
from provider.errors import Json
from provider.usage import Tokens

_LETTERS = "aZ3kQ9xLm0TbR7vYc2HdW5nG"
_SAFE = {"filtered": False, "severity": "safe"}
FILTERED: Json = dict.fromkeys(("hate", "self_harm", "sexual", "violence"), _SAFE)
PROMPT_FILTERED: list[Json] = [{"prompt_index": 0, "content_filter_results": FILTERED}]


def chat_usage(tokens: Tokens) -> Json:
    """The usage block of chat completions and of legacy completions."""
    return {
        "prompt_tokens": tokens.input,
        "completion_tokens": tokens.output,
        "total_tokens": tokens.input + tokens.output,
        "prompt_tokens_details": {"cached_tokens": tokens.cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": tokens.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def response_usage(tokens: Tokens) -> Json:
    """The usage block of responses."""
    return {
        "input_tokens": tokens.input,
        "input_tokens_details": {"cached_tokens": tokens.cached, "cache_write_tokens": 0},
        "output_tokens": tokens.output,
        "output_tokens_details": {"reasoning_tokens": tokens.reasoning},
        "total_tokens": tokens.input + tokens.output,
    }


def service_tier(ask: Ask) -> str:
    """The tier that served the request."""
    asked = ask.body.get("service_tier")
    return {"flex": "flex", "priority": "priority", "fast": "priority"}.get(str(asked), "default")


def fingerprint(ask: Ask) -> str:
    """The back end that served the request: one for each model."""
    return "fp_" + hashlib.sha256(ask.model.dated.encode()).hexdigest()[:10]


def padding(delta: str) -> str:
    """The `obfuscation` of a streamed event: it hides how long the delta is."""
    start = len(delta) % len(_LETTERS)
    return "".join(islice(cycle(_LETTERS), start, start + 16 - len(delta) % 16))
