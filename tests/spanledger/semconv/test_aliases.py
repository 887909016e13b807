"""What other instrumentations write is read under our names."""

from __future__ import annotations

from typing import Any

import pytest

from spanledger.semconv import aliases, names
from spanledger.usage import Usage, from_attributes

SPANS: list[tuple[str, dict[str, Any], Usage | None, str]] = [
    ("official", {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 9, "gen_ai.usage.output_tokens": 2,
                  "gen_ai.usage.cache_read.input_tokens": 4, "gen_ai.usage.cache_write.input_tokens": 1,
                  "gen_ai.usage.reasoning.output_tokens": 1},
     Usage(input=9, output=2, cache_read=4, cache_write=1, reasoning=1), "chat"),
    ("openllmetry", {"llm.request.type": "chat", "gen_ai.usage.prompt_tokens": 9, "gen_ai.usage.completion_tokens": 2,
                     "gen_ai.usage.cache_read_input_tokens": 4, "gen_ai.usage.reasoning_tokens": 1},
     Usage(input=9, output=2, cache_read=4, reasoning=1), "chat"),
    ("openinference", {"openinference.span.kind": "LLM", "llm.token_count.prompt": 9, "llm.token_count.completion": 2,
                       "llm.token_count.prompt_details.cache_read": 4},
     Usage(input=9, output=2, cache_read=4), "chat"),
    ("openinference embeddings", {"openinference.span.kind": "EMBEDDING", "llm.token_count.prompt": 9},
     Usage(input=9), "embeddings"),
    ("no usage", {"gen_ai.operation.name": "chat"}, None, "chat"),
]  # fmt: skip


@pytest.mark.parametrize(("attributes", "usage", "operation"), [s[1:] for s in SPANS], ids=[s[0] for s in SPANS])
def test_a_foreign_span_is_understood(attributes: dict[str, Any], usage: Usage | None, operation: str) -> None:
    found = aliases.canonical(attributes)
    assert from_attributes(found) == usage
    assert found[names.GEN_AI_OPERATION_NAME] == operation


def test_our_name_counts_where_a_span_has_both() -> None:
    both = {"gen_ai.usage.prompt_tokens": 1, "gen_ai.usage.input_tokens": 2}
    assert aliases.canonical(both)[names.GEN_AI_USAGE_INPUT_TOKENS] == 2
    assert aliases.canonical(dict(reversed(both.items())))[names.GEN_AI_USAGE_INPUT_TOKENS] == 2


def test_every_alias_leads_to_a_name_of_ours() -> None:
    assert set(aliases.ALL.values()) <= {value for value in vars(names).values() if isinstance(value, str)}


@pytest.mark.parametrize("tokens", [10**12, "many"])
def test_usage_beyond_belief_is_none_or_nothing(tokens: object) -> None:
    found = from_attributes({names.GEN_AI_USAGE_INPUT_TOKENS: tokens})
    assert found is None or found == Usage()
