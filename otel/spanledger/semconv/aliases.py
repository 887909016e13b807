"""How other instrumentations spell what we read, and what they mean by it.

Most names mean the same wherever they stand. Where they do not, the instrumentation scope decides: some scopes leave
tokens that were read from or written to a cache out of the input, as Anthropic and Bedrock do. Sources: the packages
named, as far as their code or issues could be read in November 2026.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spanledger.semconv import names

#: Older names of the conventions. In all tables: where a span has both, ours counts.
OFFICIAL = {
    "gen_ai.system": names.GEN_AI_PROVIDER_NAME,
    "gen_ai.usage.prompt_tokens": names.GEN_AI_USAGE_INPUT_TOKENS,
    "gen_ai.usage.completion_tokens": names.GEN_AI_USAGE_OUTPUT_TOKENS,
    "gen_ai.usage.cache_creation.input_tokens": names.GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS,
    "gen_ai.openai.request.service_tier": names.OPENAI_REQUEST_SERVICE_TIER,
    "gen_ai.openai.response.service_tier": names.OPENAI_RESPONSE_SERVICE_TIER,
    "gen_ai.openai.response.system_fingerprint": names.OPENAI_RESPONSE_SYSTEM_FINGERPRINT,
}
OPENLLMETRY = {
    "gen_ai.usage.cache_creation_input_tokens": names.GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS,
    "gen_ai.usage.cache_read_input_tokens": names.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
    "gen_ai.usage.reasoning_tokens": names.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
    "llm.usage.prompt_tokens": names.GEN_AI_USAGE_INPUT_TOKENS,
    "llm.usage.completion_tokens": names.GEN_AI_USAGE_OUTPUT_TOKENS,
    "llm.usage.cache_creation_input_tokens": names.GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS,
    "llm.usage.cache_read_input_tokens": names.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
    "llm.usage.reasoning_tokens": names.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
    "llm.request.type": names.GEN_AI_OPERATION_NAME,
    "llm.request.model": names.GEN_AI_REQUEST_MODEL,
    "llm.response.model": names.GEN_AI_RESPONSE_MODEL,
    "gen_ai.is_streaming": names.GEN_AI_REQUEST_STREAM,
    "llm.is_streaming": names.GEN_AI_REQUEST_STREAM,
}
OPENINFERENCE = {
    "llm.provider": names.GEN_AI_PROVIDER_NAME,
    "llm.model_name": names.GEN_AI_RESPONSE_MODEL,
    "embedding.model_name": names.GEN_AI_RESPONSE_MODEL,
    "llm.token_count.prompt": names.GEN_AI_USAGE_INPUT_TOKENS,
    "llm.token_count.completion": names.GEN_AI_USAGE_OUTPUT_TOKENS,
    "llm.token_count.prompt_details.cache_read": names.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
    "llm.token_count.prompt_details.cache_write": names.GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS,
    "llm.token_count.prompt_details.audio": names.GEN_AI_USAGE_AUDIO_INPUT_TOKENS,
    "llm.token_count.completion_details.reasoning": names.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
    "llm.token_count.completion_details.audio": names.GEN_AI_USAGE_AUDIO_OUTPUT_TOKENS,
    "llm.cost.total": names.GEN_AI_USAGE_COST_AMOUNT,
}
OPENLIT = {
    "gen_ai.usage.cost": names.GEN_AI_USAGE_COST_AMOUNT,
    "gen_ai.usage.prompt_tokens_details.cache_read": names.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
    "gen_ai.usage.prompt_tokens_details.cache_write": names.GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS,
    "gen_ai.usage.completion_tokens_details.reasoning": names.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
    "gen_ai.usage.completion_tokens_details.audio": names.GEN_AI_USAGE_AUDIO_OUTPUT_TOKENS,
    "gen_ai.request.is_stream": names.GEN_AI_REQUEST_STREAM,
    "gen_ai.server.time_to_first_token": names.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK,
}
#: Pydantic AI and Logfire put what has no standard name below `details`.
PYDANTIC_AI = {
    "gen_ai.usage.details.cache_read_tokens": names.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
    "gen_ai.usage.details.cache_read_input_tokens": names.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
    "gen_ai.usage.details.cached_tokens": names.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
    "gen_ai.usage.details.cache_write_tokens": names.GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS,
    "gen_ai.usage.details.cache_creation_input_tokens": names.GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS,
    "gen_ai.usage.details.reasoning_tokens": names.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
    "gen_ai.usage.details.thoughts_tokens": names.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
    "gen_ai.usage.details.input_audio_tokens": names.GEN_AI_USAGE_AUDIO_INPUT_TOKENS,
    "gen_ai.usage.details.output_audio_tokens": names.GEN_AI_USAGE_AUDIO_OUTPUT_TOKENS,
    "gen_ai.usage.details.cache_audio_read_tokens": names.GEN_AI_USAGE_AUDIO_CACHE_READ_INPUT_TOKENS,
    "operation.cost": names.GEN_AI_USAGE_COST_AMOUNT,
}
STRANDS = {"gen_ai.usage.cache_write_input_tokens": names.GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS}
GOOGLE_ADK = {"gen_ai.usage.experimental.reasoning_tokens": names.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS}
LANGFUSE = {
    "langfuse.observation.model.name": names.GEN_AI_RESPONSE_MODEL,
    "langfuse.observation.type": names.GEN_AI_OPERATION_NAME,
}
VERCEL = {
    "ai.model.id": names.GEN_AI_REQUEST_MODEL,
    "ai.response.model": names.GEN_AI_RESPONSE_MODEL,
    "ai.model.provider": names.GEN_AI_PROVIDER_NAME,
    "ai.usage.inputTokens": names.GEN_AI_USAGE_INPUT_TOKENS,
    "ai.usage.promptTokens": names.GEN_AI_USAGE_INPUT_TOKENS,
    "ai.usage.tokens": names.GEN_AI_USAGE_INPUT_TOKENS,
    "ai.usage.outputTokens": names.GEN_AI_USAGE_OUTPUT_TOKENS,
    "ai.usage.completionTokens": names.GEN_AI_USAGE_OUTPUT_TOKENS,
    "ai.usage.cachedInputTokens": names.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
    "ai.usage.reasoningTokens": names.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
    "ai.operationId": names.GEN_AI_OPERATION_NAME,
}
#: All of them: these names mean the same wherever they stand.
ALL = {
    **VERCEL, **LANGFUSE, **GOOGLE_ADK, **STRANDS, **PYDANTIC_AI, **OPENLIT, **OPENINFERENCE, **OPENLLMETRY, **OFFICIAL,
}  # fmt: skip

OPENINFERENCE_KIND = "openinference.span.kind"
_LANGFUSE_USAGE, _LANGFUSE_COST = "langfuse.observation.usage_details", "langfuse.observation.cost_details"
#: What is read and is no other name for something of ours.
STRUCTURED = frozenset({OPENINFERENCE_KIND, _LANGFUSE_USAGE, _LANGFUSE_COST})
#: Foreign words for an operation.
_OPERATIONS = {
    "LLM": "chat", "EMBEDDING": "embeddings", "completion": "text_completion", "embedding": "embeddings",
    "generation": "chat", "ai.generateText.doGenerate": "chat", "ai.streamText.doStream": "chat",
    "ai.generateObject.doGenerate": "chat", "ai.streamObject.doStream": "chat", "ai.embed.doEmbed": "embeddings",
    "ai.embedMany.doEmbed": "embeddings",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scope:
    """Instrumentation scopes whose names begin so, and of whom else they pass on an input without cached tokens.

    `exclusive` are parts of provider or model names; a scope that nothing is known of follows the conventions, whose
    input is inclusive.
    """

    prefix: str
    exclusive: tuple[str, ...]


_ANTHROPIC = ("anthropic", "claude")
SCOPES = (
    Scope("openlit", _ANTHROPIC),
    Scope("opentelemetry.instrumentation.bedrock", ("",)),
    Scope("strands", ("bedrock", "nova", *_ANTHROPIC)),
    Scope("langfuse", ()),
)
_CACHED = (names.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS, names.GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS)


def canonical(attributes: Mapping[str, Any], scope: str | None = None) -> dict[str, Any]:
    """The attributes of a span under our names, with an inclusive input; unknown ones as they are.

    `scope` is the name of the instrumentation scope.
    """
    found = {key: value for key, value in attributes.items() if key not in ALL}
    for key in attributes if len(found) < len(attributes) else ():
        if key in ALL:
            found.setdefault(ALL[key], attributes[key])
    operation = found.get(names.GEN_AI_OPERATION_NAME, attributes.get(OPENINFERENCE_KIND))
    if isinstance(operation, str):
        found[names.GEN_AI_OPERATION_NAME] = _OPERATIONS.get(operation, operation)
    if _LANGFUSE_USAGE in attributes or _LANGFUSE_COST in attributes:
        found.update(_langfuse(attributes))
    _include(found, scope or "")
    return found


def _include(found: dict[str, Any], scope: str) -> None:
    """Add cached tokens to an input that leaves them out, by its scope; or because they are more than it."""
    told = found.get(names.GEN_AI_USAGE_INPUT_TOKENS)
    cached = sum(value for key in _CACHED if type(value := found.get(key)) is int and value > 0)
    if type(told) is not int or told < 0 or not cached:
        return
    who = " ".join(
        str(found.get(key)).lower()
        for key in (names.GEN_AI_PROVIDER_NAME, names.GEN_AI_RESPONSE_MODEL, names.GEN_AI_REQUEST_MODEL)
    )
    known = next((known.exclusive for known in SCOPES if scope.startswith(known.prefix)), ())
    apart = any(part in who for part in known)
    if apart or (told < cached and any(part in who for part in ("bedrock", *_ANTHROPIC))):
        found[names.GEN_AI_USAGE_INPUT_TOKENS] = told + cached


def _langfuse(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Langfuse's counts, JSON in an attribute. Each key is a bucket of its own, and its side is the sum of them."""
    found: dict[str, Any] = {}
    if usage := _numbers(attributes.get(_LANGFUSE_USAGE)):
        cached = {key: value for key, value in usage.items() if "cache" in key}
        found = {
            names.GEN_AI_USAGE_INPUT_TOKENS: _side(usage, "input", "prompt", "cache"),
            names.GEN_AI_USAGE_OUTPUT_TOKENS: _side(usage, "output", "completion"),
            names.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: sum(v for k, v in cached.items() if not _writes(k)),
            names.GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS: sum(v for k, v in cached.items() if _writes(k)),
            names.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS: sum(v for k, v in usage.items() if "reasoning" in k),
        }
    costs = _numbers(attributes.get(_LANGFUSE_COST))
    if costs:
        found[names.GEN_AI_USAGE_COST_AMOUNT] = costs.get("total", sum(costs.values()))
    return {key: value for key, value in found.items() if value}


def _writes(key: str) -> bool:
    return "creation" in key or "write" in key


def _side(usage: Mapping[str, float], *beginnings: str) -> int:
    return int(sum(value for key, value in usage.items() if key.startswith(beginnings)))


def _numbers(text: object) -> dict[str, float]:
    """The numbers in a JSON object, none where it is none."""
    try:
        found = json.loads(text) if isinstance(text, str) else {}
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {k: v for k, v in found.items() if type(v) in (int, float) and 0 <= v < 1e12}
