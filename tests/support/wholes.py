"""Whole spans of calls that the simulated provider answered as it was asked to; a type stands for what no two share."""

from __future__ import annotations

from typing import Any

from tests.support import asking, claude

from spanledger.semconv import names

#: What every span of a call to the simulated provider says that nobody else pays for.
_COMMON: dict[str, Any] = {
    names.GEN_AI_OPERATION_NAME: "chat",
    names.GEN_AI_RESPONSE_ID: str,
    names.GEN_AI_RESPONSE_FINISH_REASONS: ("stop",),
    names.GEN_AI_USAGE_INPUT_TOKENS: 100,
    names.GEN_AI_USAGE_OUTPUT_TOKENS: 20,
    names.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: 40,
    names.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS: 5,
    names.GEN_AI_USAGE_COST_CURRENCY: "USD",
    names.GEN_AI_USAGE_COST_SOURCE: "local",
    names.SERVER_ADDRESS: "127.0.0.1",
    names.SERVER_PORT: int,
    names.SPANLEDGER_CALL_ID: str,
    names.SPANLEDGER_RUN_ID: str,
    names.SPANLEDGER_STAGE: "unattributed",
    names.SPANLEDGER_TENANT_ID: "unattributed",
    names.SPANLEDGER_OUTPUT_RATE: float,
    names.SPANLEDGER_PRICE_STATUS: "priced",
    names.SPANLEDGER_PRICE_VERSION: str,
    names.SPANLEDGER_RATELIMIT_LIMIT_REQUESTS: int,
    names.SPANLEDGER_RATELIMIT_LIMIT_TOKENS: int,
    names.SPANLEDGER_RATELIMIT_REMAINING_REQUESTS: int,
    names.SPANLEDGER_RATELIMIT_REMAINING_TOKENS: int,
}
_CHAT: dict[str, Any] = {
    names.GEN_AI_PROVIDER_NAME: "openai",
    names.GEN_AI_REQUEST_MODEL: asking.MODEL,
    names.GEN_AI_RESPONSE_MODEL: "gpt-4o-mini-2024-07-18",
    names.GEN_AI_USAGE_COST_AMOUNT: asking.COST,
    names.OPENAI_API_TYPE: "chat_completions",
    names.OPENAI_RESPONSE_SERVICE_TIER: "default",
    names.OPENAI_RESPONSE_SYSTEM_FINGERPRINT: str,
}
_MESSAGE: dict[str, Any] = {
    names.GEN_AI_PROVIDER_NAME: "anthropic",
    names.GEN_AI_REQUEST_MODEL: claude.MODEL,
    names.GEN_AI_REQUEST_MAX_TOKENS: 100,
    names.GEN_AI_RESPONSE_MODEL: claude.DATED,
    names.GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS: 10,
    names.SPANLEDGER_USAGE_CACHE_WRITE_LONG_INPUT_TOKENS: 4,
    names.GEN_AI_USAGE_COST_AMOUNT: claude.COST,
}
#: What some ways to ask say beside it: those whose answer must be JSON, and those whose answer comes bit by bit.
PARSED = {names.GEN_AI_OUTPUT_TYPE: "json", names.SPANLEDGER_RESPONSE_SCHEMA_VALID: True}
FIRST = {names.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK: float}


def chat(more: dict[str, Any], *, streamed: bool = False) -> dict[str, Any]:
    """The span of a chat with OpenAI's usual model, with `more` attributes."""
    return _span({**_CHAT, **more}, streamed=streamed)


def message(more: dict[str, Any], *, streamed: bool = False) -> dict[str, Any]:
    """The span of a message of Anthropic's, capped at 100 tokens."""
    return _span({**_MESSAGE, **more}, streamed=streamed)


def _span(own: dict[str, Any], *, streamed: bool) -> dict[str, Any]:
    attributes = {**_COMMON, **own, **({names.GEN_AI_REQUEST_STREAM: True} if streamed else {})}
    name = f"chat {own[names.GEN_AI_REQUEST_MODEL]}"
    return {"name": name, "kind": "CLIENT", "status": "UNSET", "attributes": attributes, "events": []}
