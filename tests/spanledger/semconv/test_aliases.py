"""What other instrumentations write is read under our names."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanledger.semconv import aliases, names
from spanledger.usage import Units, Usage, from_attributes

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
    ("openinference with audio", {"openinference.span.kind": "LLM", "llm.token_count.prompt": 9,
                                  "llm.token_count.completion": 2, "llm.token_count.prompt_details.audio": 4,
                                  "llm.token_count.completion_details.audio": 1},
     Usage(input=9, output=2, input_audio=4, output_audio=1), "chat"),
    ("openlit", {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 9, "gen_ai.usage.output_tokens": 2,
                 "gen_ai.usage.prompt_tokens_details.cache_read": 4,
                 "gen_ai.usage.completion_tokens_details.reasoning": 1},
     Usage(input=9, output=2, cache_read=4, reasoning=1), "chat"),
    ("pydantic ai", {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 9, "gen_ai.usage.output_tokens": 2,
                     "gen_ai.usage.details.cache_write_tokens": 4, "gen_ai.usage.details.reasoning_tokens": 1},
     Usage(input=9, output=2, cache_write=4, reasoning=1), "chat"),
    ("vercel", {"ai.operationId": "ai.generateText.doGenerate", "ai.usage.inputTokens": 9, "ai.usage.outputTokens": 2,
                "ai.usage.cachedInputTokens": 4},
     Usage(input=9, output=2, cache_read=4), "chat"),
    ("langfuse, whose buckets exclude each other",
     {"langfuse.observation.type": "generation", "langfuse.observation.usage_details":
      '{"input": 5, "input_cached_tokens": 4, "output": 1, "output_reasoning_tokens": 3, "total": 13}'},
     Usage(input=9, output=4, cache_read=4, reasoning=3), "chat"),
    ("langfuse with claude",
     {"langfuse.observation.type": "embedding", "langfuse.observation.usage_details":
      '{"input": 5, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 2, "output": 1}'},
     Usage(input=11, output=1, cache_read=4, cache_write=2), "embeddings"),
    ("langfuse with junk",
     {"langfuse.observation.type": "generation", "langfuse.observation.usage_details": '{"input": "5", '},
     None, "chat"),
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


def test_no_name_of_ours_is_an_alias_of_another() -> None:
    assert aliases.ALL.keys().isdisjoint(aliases.ALL.values())


@pytest.mark.parametrize(("tokens", "understood"), [(10**12, None), ("many", Usage(suspect=True))])
def test_usage_beyond_belief_is_none_and_what_cannot_be_read_is_suspect(
    tokens: object, understood: Usage | None
) -> None:
    assert from_attributes({names.GEN_AI_USAGE_INPUT_TOKENS: tokens}) == understood


def test_a_count_below_nothing_is_nothing_beside_one_that_cannot_be_read() -> None:
    said = {names.GEN_AI_USAGE_INPUT_TOKENS: "many", names.GEN_AI_USAGE_OUTPUT_TOKENS: -1}
    assert from_attributes(said) == Usage(suspect=True)


CLAUDE = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "anthropic",
    "gen_ai.request.model": "claude-sonnet-4-5",
    "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.output_tokens": 1,
    "gen_ai.usage.cache_read.input_tokens": 30,
    "gen_ai.usage.cache_creation.input_tokens": 20,
}


@pytest.mark.parametrize(
    ("scope", "tokens"),
    [
        ("opentelemetry.instrumentation.anthropic", 100),
        ("com.anthropic.sdk.python", 100),
        ("opentelemetry.instrumentation.bedrock", 150),
        ("openlit.otel.tracing", 150),
        ("strands.telemetry.tracer", 150),
        (None, 100),
    ],
)
def test_the_scope_decides_whether_cached_tokens_are_part_of_the_input(scope: str | None, tokens: int) -> None:
    usage = from_attributes(aliases.canonical(CLAUDE, scope))
    assert usage == Usage(input=tokens, output=1, cache_read=30, cache_write=20)


def test_a_scope_that_leaves_cached_tokens_out_does_so_only_where_its_provider_does() -> None:
    gpt = CLAUDE | {"gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-5"}
    assert aliases.canonical(gpt, "openlit.otel.tracing")[names.GEN_AI_USAGE_INPUT_TOKENS] == 100


def test_claude_that_read_more_from_its_cache_than_it_read_left_that_out() -> None:
    usage = from_attributes(aliases.canonical(CLAUDE | {"gen_ai.usage.input_tokens": 3}, "somebody.else"))
    assert usage == Usage(input=53, output=1, cache_read=30, cache_write=20)


@pytest.mark.parametrize(
    ("key", "value"),
    [("gen_ai.usage.cost", 0.5), ("llm.cost.total", 0.5), ("operation.cost", 0.5),
     ("langfuse.observation.cost_details", '{"input": 0.2, "output": 0.3}'),
     ("langfuse.observation.cost_details", '{"input": 9, "total": 0.5}')],
)  # fmt: skip
def test_a_cost_that_somebody_else_wrote_is_found(key: str, value: object) -> None:
    assert aliases.canonical({key: value})[names.GEN_AI_USAGE_COST_AMOUNT] == 0.5


junk = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just('{"input": -1}')


@given(st.dictionaries(st.sampled_from(sorted([*aliases.ALL, *CLAUDE, "langfuse.observation.usage_details"])), junk))
def test_junk_is_understood_as_what_it_is_worth(attributes: dict[str, Any]) -> None:
    usage = from_attributes(aliases.canonical(attributes, "openlit"))
    assert usage is None or (usage.plausible and usage.flagged() == usage)
    assert usage is None or min(usage.input, usage.output, usage.cache_read) >= 0


def test_what_a_usage_says_on_a_span_is_read_back() -> None:
    units = Units(billed_input=2, audio_ms=3, file_searches=4)
    usage = Usage(input=90, output=50, cache_read=8, cache_write=7, cache_write_long=6, reasoning=5, input_audio=4,
                  output_audio=3, cache_read_audio=2, input_image=9, output_image=8, cache_read_image=1, input_video=7,
                  output_video=6, input_tool=5, citation=4, accepted_prediction=3, rejected_prediction=2,
                  web_searches=1, estimated=True, suspect=True, units=units)  # fmt: skip
    assert from_attributes(usage.attributes()) == usage
