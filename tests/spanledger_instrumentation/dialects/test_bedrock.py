"""Answers of Bedrock: one language of its own, and those of each family of models."""

from __future__ import annotations

from typing import Any

import pytest
from tests.spanledger_instrumentation.dialects.reading import chunks, messages, stream, used, whole

from spanledger.semconv import names
from spanledger.usage import Usage


def told(**block: Any) -> dict[str, Any]:
    return {"stopReason": "end_turn", "output": {"message": {"content": [{"text": "hi"}]}}, "usage": block}


CONVERSED: list[tuple[str, dict[str, Any], Usage]] = [
    ("plain", {"inputTokens": 52, "outputTokens": 30, "totalTokens": 82}, Usage(input=52, output=30)),
    ("cached tokens come on top",
     {"inputTokens": 22, "outputTokens": 13, "totalTokens": 2527, "cacheReadInputTokens": 2000,
      "cacheWriteInputTokens": 492},
     Usage(input=2514, output=13, cache_read=2000, cache_write=492)),
    ("older names", {"inputTokens": 22, "outputTokens": 13, "cacheReadInputTokenCount": 20},
     Usage(input=42, output=13, cache_read=20)),
    ("lifetimes",
     {"inputTokens": 1, "outputTokens": 2, "cacheWriteInputTokens": 30,
      "cacheDetails": [{"ttl": "1h", "inputTokens": 20}, {"ttl": "5m", "inputTokens": 10}]},
     Usage(input=31, output=2, cache_write=30, cache_write_long=20)),
    ("a model that counts cached tokens as input already",
     {"inputTokens": 100, "outputTokens": 5, "totalTokens": 105, "cacheReadInputTokens": 80},
     Usage(input=100, output=5, cache_read=80)),
]  # fmt: skip


@pytest.mark.parametrize(("block", "usage"), [c[1:] for c in CONVERSED], ids=[c[0] for c in CONVERSED])
def test_converse_leaves_cached_tokens_out_of_the_input(block: dict[str, Any], usage: Usage) -> None:
    assert used("bedrock.converse", told(**block)) == usage


def test_converse_says_which_model_a_router_chose_and_at_what_tier() -> None:
    document = told(inputTokens=1, outputTokens=1) | {
        "serviceTier": {"type": "flex"},
        "trace": {"promptRouter": {"invokedModelId": "arn:aws:bedrock:us::inference-profile/us.meta.llama3"}},
    }
    answer = whole("bedrock.converse", document)
    assert (answer.model, answer.tier) == ("arn:aws:bedrock:us::inference-profile/us.meta.llama3", "flex")


CONVERSATION = messages(
    ("messageStart", {"role": "assistant"}),
    ("contentBlockStart", {"start": {"toolUse": {"name": "weather"}}}),
    ("contentBlockDelta", {"delta": {"toolUse": {"input": '{"city":'}}}),
    ("contentBlockDelta", {"delta": {"text": "hello there"}}),
    ("messageStop", {"stopReason": "tool_use"}),
)
METADATA = messages(("metadata", {"usage": {"inputTokens": 9, "outputTokens": 8, "cacheReadInputTokens": 5}}))


@pytest.mark.parametrize("size", [1, 11, 10_000])
def test_a_conversation_is_read_from_binary_messages_cut_anywhere(size: int) -> None:
    reader = stream("bedrock.converse", CONVERSATION + METADATA, size=size)
    assert reader.final
    answer = reader.answer()
    assert answer.usage == Usage(input=14, output=8, cache_read=5)
    assert answer.attributes[names.SPANLEDGER_RESPONSE_TOOL_CALLS] == ["weather"]
    assert answer.attributes[names.GEN_AI_RESPONSE_FINISH_REASONS] == ["tool_calls"]


def test_a_conversation_without_its_metadata_is_estimated() -> None:
    asked = {"messages": [{"content": [{"text": "x" * 40}]}], "inferenceConfig": {"maxTokens": 4}}
    usage = stream("bedrock.converse", CONVERSATION, asked).partial(0.5).usage
    assert usage == Usage(input=10, output=4, estimated=True)


def test_an_exception_among_the_messages_is_an_error() -> None:
    reader = stream("bedrock.converse", CONVERSATION + messages(("throttlingException", {"message": "slow down"})))
    assert getattr(reader.error, "error_type", None) == "throttlingException"


def test_bytes_that_are_no_messages_end_the_reading_without_a_sound() -> None:
    reader = stream("bedrock.converse", b"\xff" * 64 + METADATA)
    assert not reader.final
    usage = reader.answer().usage
    assert usage is not None
    assert usage.estimated


CLAUDE = {"input_tokens": 10, "output_tokens": 4, "cache_read_input_tokens": 20, "cache_creation_input_tokens": 7,
          "cache_creation": {"ephemeral_1h_input_tokens": 5, "ephemeral_5m_input_tokens": 2},
          "output_tokens_details": {"thinking_tokens": 3},
          "server_tool_use": {"web_search_requests": 2}}  # fmt: skip
INVOKED: list[tuple[str, dict[str, Any], Usage]] = [
    ("claude", {"type": "message", "usage": CLAUDE},
     Usage(input=37, output=4, cache_read=20, cache_write=7, cache_write_long=5, reasoning=3, web_searches=2)),
    ("titan", {"inputTextTokenCount": 9, "results": [{"tokenCount": 17, "outputText": "a"}]},
     Usage(input=9, output=17)),
    ("titan embeddings", {"inputTextTokenCount": 9, "embedding": [0.1]}, Usage(input=9)),
    ("nova", {"usage": {"inputTokens": 3, "outputTokens": 2, "cacheReadInputTokenCount": 4}},
     Usage(input=7, output=2, cache_read=4)),
    ("llama", {"generation": "hi", "prompt_token_count": 6, "generation_token_count": 18},
     Usage(input=6, output=18)),
    ("jamba, gpt-oss, qwen", {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 3}},
     Usage(input=5, output=3)),
]  # fmt: skip


@pytest.mark.parametrize(("document", "usage"), [i[1:] for i in INVOKED], ids=[i[0] for i in INVOKED])
def test_an_invocation_is_read_in_the_words_of_its_family(document: dict[str, Any], usage: Usage) -> None:
    assert used("bedrock.invoke", document) == usage


def test_families_that_tell_no_counts_are_read_from_the_headers() -> None:
    headers = {"X_Amzn_Bedrock_Input_Token_Count": "9", "x_amzn_bedrock_output_token_count": "17",
               "x_amzn_bedrock_cache_read_input_token_count": "4"}  # fmt: skip
    found = used("bedrock.invoke", {"outputs": [{"text": "hi", "stop_reason": "stop"}]}, **headers)
    assert found == Usage(input=13, output=17, cache_read=4)


METRICS = {"amazon-bedrock-invocationMetrics": {"inputTokenCount": 25, "outputTokenCount": 4}}
STREAMED: list[tuple[str, bytes, Usage]] = [
    ("claude", chunks(
        {"type": "message_start", "message": {"model": "claude", "usage": {**CLAUDE, "output_tokens": 1}}},
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "hi"}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}},
        {"type": "message_stop"} | METRICS),
     Usage(input=37, output=9, cache_read=20, cache_write=7, cache_write_long=5, reasoning=3, web_searches=2)),
    ("an older claude", chunks({"completion": "hi", "stop_reason": "stop_sequence"} | METRICS),
     Usage(input=25, output=4)),
    ("titan", chunks({"outputText": "a", "inputTextTokenCount": 5, "totalOutputTextTokenCount": 10} | METRICS),
     Usage(input=5, output=10)),
    ("llama", chunks({"generation": "a", "prompt_token_count": 6, "generation_token_count": 1},
                     {"generation": "b", "prompt_token_count": None, "generation_token_count": 2} | METRICS),
     Usage(input=6, output=2)),
    ("nova", chunks({"contentBlockDelta": {"delta": {"text": "a"}}},
                    {"metadata": {"usage": {"inputTokens": 3, "outputTokens": 2}}} | METRICS),
     Usage(input=3, output=2)),
]  # fmt: skip


@pytest.mark.parametrize(("data", "usage"), [s[1:] for s in STREAMED], ids=[s[0] for s in STREAMED])
def test_a_streamed_invocation_ends_with_its_counts(data: bytes, usage: Usage) -> None:
    reader = stream("bedrock.invoke", data)
    assert reader.final
    assert reader.answer().usage == usage


def test_an_invocation_given_up_keeps_what_was_told_at_its_start() -> None:
    begun = chunks({"type": "message_start", "message": {"usage": {"input_tokens": 50, "output_tokens": 1}}},
                   {"type": "content_block_delta", "delta": {"text": "one two three four five six"}})  # fmt: skip
    usage = stream("bedrock.invoke", begun, {"max_tokens": 100}).partial(2.0).usage
    assert usage is not None
    assert (usage.input, usage.estimated) == (50, True)
    assert 7 <= usage.output <= 100
