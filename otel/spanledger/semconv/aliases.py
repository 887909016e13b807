"""How other instrumentations spell what we read: OpenLLMetry, OpenInference, OpenLIT, and older conventions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spanledger.semconv import names

#: Our name for each foreign one. Where a span has both, ours counts.
OPENLLMETRY = {
    "gen_ai.system": names.GEN_AI_PROVIDER_NAME,
    "gen_ai.usage.prompt_tokens": names.GEN_AI_USAGE_INPUT_TOKENS,
    "gen_ai.usage.completion_tokens": names.GEN_AI_USAGE_OUTPUT_TOKENS,
    "gen_ai.usage.cache_creation.input_tokens": names.GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS,
    "gen_ai.usage.cache_creation_input_tokens": names.GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS,
    "gen_ai.usage.cache_read_input_tokens": names.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
    "gen_ai.usage.reasoning_tokens": names.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
    "llm.usage.reasoning_tokens": names.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
    "llm.request.type": names.GEN_AI_OPERATION_NAME,
    "gen_ai.openai.response.system_fingerprint": names.OPENAI_RESPONSE_SYSTEM_FINGERPRINT,
    "gen_ai.is_streaming": names.GEN_AI_REQUEST_STREAM,
}
OPENINFERENCE = {
    "llm.provider": names.GEN_AI_PROVIDER_NAME,
    "llm.model_name": names.GEN_AI_RESPONSE_MODEL,
    "embedding.model_name": names.GEN_AI_RESPONSE_MODEL,
    "llm.token_count.prompt": names.GEN_AI_USAGE_INPUT_TOKENS,
    "llm.token_count.completion": names.GEN_AI_USAGE_OUTPUT_TOKENS,
    "llm.token_count.prompt_details.cache_read": names.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
    "llm.token_count.prompt_details.cache_write": names.GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS,
    "llm.token_count.completion_details.reasoning": names.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
    "llm.cost.total": names.GEN_AI_USAGE_COST_AMOUNT,
}
OPENLIT = {
    "gen_ai.usage.cost": names.GEN_AI_USAGE_COST_AMOUNT,
    "gen_ai.request.is_stream": names.GEN_AI_REQUEST_STREAM,
    "gen_ai.server.time_to_first_token": names.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK,
}
ALL = {**OPENLLMETRY, **OPENINFERENCE, **OPENLIT}

OPENINFERENCE_KIND = "openinference.span.kind"
#: Foreign words for an operation.
_OPERATIONS = {"LLM": "chat", "EMBEDDING": "embeddings", "completion": "text_completion", "embedding": "embeddings"}


def canonical(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of a span under our names; unknown ones as they are."""
    found: dict[str, Any] = {}
    for key, value in attributes.items():
        found.setdefault(ALL.get(key, key), value)
    for key in found.keys() & attributes.keys():
        found[key] = attributes[key]
    operation = found.get(names.GEN_AI_OPERATION_NAME, attributes.get(OPENINFERENCE_KIND))
    if operation is not None:
        found[names.GEN_AI_OPERATION_NAME] = _OPERATIONS.get(operation, operation)
    return found
