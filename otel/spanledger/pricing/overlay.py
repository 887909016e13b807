"""What the source lacks or has wrong: a few dated corrections, each with where it is from.

A fix names fields of `Rates` and overrides the source for them; where the source has no such model, it is the whole
price. It can go once the source says the same, and a test says when that is so. A tool fee stands in where an entry of
the source has none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

#: The day on which the fixes were last compared with their sources; part of the version of a price they shape.
AS_OF = "2026-11-21"

#: Anthropic charges a cache write that lives one hour at twice the input rate (platform.claude.com, prompt caching,
#: "Pricing"). Tables of resellers often list only the rate of the five-minute write, 1.25 times input.
LONG_WRITE_OF_CLAUDE = 2


@dataclass(frozen=True, slots=True)
class Fix:
    """Rates of one model: `usd` per million tokens, `fees` in USD per unit, as written at `source`.

    `tier` None means every tier; `since` is the day from which the fix holds, None means always.
    """

    provider: str
    model: str
    usd: Mapping[str, str]
    source: str
    tier: str | None = None
    since: date | None = None
    fees: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToolFee:
    """What one use of a provider's tool costs in USD, with the models whose name the expression `models` finds."""

    provider: str
    kind: str
    usd: str
    source: str
    models: str = ""


_AUDIO = "developers.openai.com/api/docs/models, audio tokens; genai-prices 0.2.3 has only the rates of text"
_OLD_AUDIO = "the price of the first snapshot, as lists of 2024 have it (huggingface.co/spaces/noumanjavaid/pricing)"
_TUNED = "litellm 1.107 (half of input; not checked at OpenAI); genai-prices 0.2.3 has no rate for cached input"
_TUNED_NEW = "litellm 1.107 (not checked at OpenAI); genai-prices 0.2.3 has no such models"
_BATCH = "litellm 1.107, half of the standard price as for all of OpenAI's batches; genai-prices 0.2.3 has no variant"
_DEEPSEEK = (
    "api-docs.deepseek.com pricing (V3.2) by litellm 1.109; genai-prices 0.2.3 has early 2025 with cheaper hours"
)
_MISTRAL = (
    "docs.mistral.ai/models/mistral-large-3-25-12 by litellm 1.109; genai-prices 0.2.3 has Large 2 under this name"
)
_RERANK = "litellm 1.109, `input_cost_per_query` (not checked at Cohere); genai-prices 0.2.3 has no rerankers"
_V32 = {"input": "0.28", "cache_read": "0.028", "output": "0.42"}

FIXES = (
    Fix("openai", "gpt-4o-audio-preview", {"input_audio": "40", "output_audio": "80"}, _AUDIO),
    Fix("openai", "gpt-4o-audio-preview-2024-10-01", {"input_audio": "100", "output_audio": "200"}, _OLD_AUDIO),
    Fix("openai", "gpt-4o-mini-audio-preview", {"input_audio": "10", "output_audio": "20"}, _AUDIO),
    Fix("openai", "ft:gpt-4o", {"cache_read": "1.875"}, _TUNED),
    Fix("openai", "ft:gpt-4o-mini", {"cache_read": "0.15"}, _TUNED),
    Fix("openai", "gpt-4o-mini-2024-07-18.ft-", {"cache_read": "0.15"}, _TUNED),
    Fix("openai", "ft:gpt-4.1", {"input": "3", "cache_read": "0.75", "output": "12"}, _TUNED_NEW),
    Fix("openai", "ft:gpt-4.1-mini", {"input": "0.8", "cache_read": "0.2", "output": "3.2"}, _TUNED_NEW),
    Fix("openai", "ft:gpt-4.1-nano", {"input": "0.2", "cache_read": "0.05", "output": "0.8"}, _TUNED_NEW),
    Fix("openai", "ft:o4-mini", {"input": "4", "cache_read": "1", "output": "16"}, _TUNED_NEW),
    Fix("openai", "text-embedding-3-small", {"input": "0.01"}, _BATCH, "batch"),
    Fix("openai", "text-embedding-3-large", {"input": "0.065"}, _BATCH, "batch"),
    Fix("openai", "text-embedding-ada-002", {"input": "0.05"}, _BATCH, "batch"),
    Fix("deepseek", "deepseek-chat", _V32, _DEEPSEEK, since=date(2025, 9, 29)),
    Fix("deepseek", "deepseek-reasoner", _V32, _DEEPSEEK, since=date(2025, 9, 29)),
    Fix("mistral", "mistral-large-latest", {"input": "0.5", "cache_read": "0.05", "output": "1.5"}, _MISTRAL,
        since=date(2025, 12, 2)),
    Fix("cohere", "rerank-v3.5", {}, _RERANK, fees={"search_units": "0.002"}),
    Fix("cohere", "rerank-v4.0-fast", {}, _RERANK, fees={"search_units": "0.002"}),
    Fix("cohere", "rerank-v4.0-pro", {}, _RERANK, fees={"search_units": "0.0025"}),
    Fix("cohere", "rerank-english-v3.0", {}, _RERANK, fees={"search_units": "0.002"}),
    Fix("cohere", "rerank-multilingual-v3.0", {}, _RERANK, fees={"search_units": "0.002"}),
)  # fmt: skip

_TOOLS = "developers.openai.com/api/docs/pricing, built-in tools (the figures of 2026-03, modelcostwatch.com)"
_CONTAINER = "litellm 1.109, `code_interpreter_cost_per_session` of openai/container and azure/container"
_IN_CONTAINER = "code interpreter is charged by container (`code_sessions`), whatever runs in it"
_MAPS = "litellm 1.109, `google_maps_grounding_cost_per_query`"

#: For each provider and kind, the first whose expression finds the model's name.
TOOL_FEES = (
    ToolFee("openai", "preview_searches", "0.025", _TOOLS, r"^(ft:)?(chatgpt-4o|gpt-4|gpt-3)"),
    ToolFee("openai", "preview_searches", "0.01", _TOOLS),
    ToolFee("openai", "file_searches", "0.0025", _TOOLS),
    ToolFee("openai", "code_sessions", "0.03", _CONTAINER),
    ToolFee("openai", "code_executions", "0", _IN_CONTAINER),
    ToolFee("azure", "code_sessions", "0.03", _CONTAINER),
    ToolFee("azure", "code_executions", "0", _IN_CONTAINER),
    ToolFee("google", "maps_searches", "0.025", _MAPS),
)

#: The shortest audio that is charged, in milliseconds, by provider (genai-prices 0.2.3 has it in code, not as data).
LEAST_AUDIO_MS: Mapping[str, int] = {"groq": 10_000}

#: Spellings (as `names.stem` makes them) of an entry, by its id, that only the source's loose patterns take, and that
#: exist at the same price: litellm 1.107 has them with equal rates, or they are sizes and releases that the entry is
#: named after (claude-2, command-light, gemma, moderation).
CONFIRMED: Mapping[str, frozenset[str]] = {
    "claude-2": frozenset({"claude-2.0", "claude-2.1"}),
    "command-light": frozenset({"command-light-nightly"}),
    "deepseek-v4-flash": frozenset({"deepseek-v4-flash-vision"}),
    "gemini-3.1-pro-preview": frozenset({"gemini-3.1-pro-preview-customtools"}),
    "gemini-3.8-flash": frozenset({"gemini-3.8-flash-cyber"}),
    "gemini-3.8-live": frozenset({"gemini-3.8-live-extended-thinking"}),
    "gemini-live-2.5-flash": frozenset(
        {"gemini-live-2.5-flash-native-audio", "gemini-live-2.5-flash-preview-native-audio"}
    ),
    "gemma-3": frozenset({"gemma-3-1b-it", "gemma-3-4b-it", "gemma-3-12b-it", "gemma-3-27b-it"}),
    "gemma-3n": frozenset({"gemma-3n-e2b-it", "gemma-3n-e4b-it"}),
    "gpt-4": frozenset({"ft:gpt-4"}),
    "moderation": frozenset({"omni-moderation", "text-moderation", "text-moderation-stable"}),
    "qwen.qwen3-coder-30b-a3b-v1:0": frozenset({"qwen3-coder-30b-a3b-instruct"}),
    "qwen.qwen3-coder-480b-a35b-v1:0": frozenset({"qwen3-coder-480b-a35b-instruct"}),
    "qwen.qwen3-vl-235b-a22b-v1:0": frozenset({"qwen3-vl-235b-a22b-instruct"}),
}

_BY_NAME = {(fix.provider, fix.model, fix.tier): fix for fix in FIXES}


def fix_for(provider: str, model: str, tier: str) -> Fix | None:
    """The fix for a model of a provider in a tier, by its exact name in lower case."""
    return _BY_NAME.get((provider, model, None)) or _BY_NAME.get((provider, model, tier))


def fees(provider: str, model: str) -> dict[str, int]:
    """What the provider's tools cost with a model, in pico-USD per use, by kind."""
    found: dict[str, int] = {}
    for fee in TOOL_FEES:
        if fee.provider == provider and fee.kind not in found and re.search(fee.models, model):
            found[fee.kind] = int(Decimal(fee.usd) * 10**12)
    return found
