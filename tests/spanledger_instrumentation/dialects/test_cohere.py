"""Answers of Cohere: what it counts and what it bills are two things."""

from __future__ import annotations

import pytest
from tests.spanledger_instrumentation.dialects.reading import events, lines, stream, used

from spanledger.semconv import names
from spanledger.usage import Units, Usage

COUNTED = {
    "billed_units": {"input_tokens": 135, "output_tokens": 21},
    "tokens": {"input_tokens": 1645, "output_tokens": 33},
    "cached_tokens": 1600,
}
USED = Usage(input=1645, output=33, cache_read=1600, units=Units(billed_input=135, billed_output=21))


@pytest.mark.parametrize("key", ["usage", "meta"])
def test_both_versions_keep_what_was_counted_and_what_was_billed(key: str) -> None:
    assert used("cohere", {"id": "1", "finish_reason": "COMPLETE", key: COUNTED}) == USED


def test_billed_tokens_are_the_tokens_where_nothing_else_is_told() -> None:
    assert used("cohere", {"meta": {"billed_units": {"input_tokens": 12}}}) == Usage(input=12)


def test_reranking_is_billed_by_searches_and_claims_no_tokens() -> None:
    found = used("cohere", {"results": [], "meta": {"billed_units": {"search_units": 2}}})
    assert found == Usage(units=Units(search_units=2))
    assert names.GEN_AI_USAGE_INPUT_TOKENS not in found.attributes()


SECOND = events([
    {"type": "message-start", "id": "m1", "delta": {"message": {"role": "assistant", "content": []}}},
    {"type": "content-delta", "delta": {"message": {"content": {"text": "The"}}}},
    {"type": "tool-call-start", "delta": {"message": {"tool_calls": {"function": {"name": "weather"}}}}},
    {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": COUNTED}},
])  # fmt: skip
FIRST = lines([
    {"event_type": "stream-start", "generation_id": "g1", "is_finished": False},
    {"event_type": "text-generation", "text": "The", "is_finished": False},
    {"event_type": "tool-calls-generation", "tool_calls": [{"name": "weather"}]},
    {"event_type": "stream-end", "is_finished": True, "finish_reason": "COMPLETE",
     "response": {"response_id": "r1", "text": "The", "meta": COUNTED}},
])  # fmt: skip


@pytest.mark.parametrize("data", [FIRST, SECOND], ids=["version 1, lines", "version 2, events"])
def test_a_stream_tells_its_counts_at_its_end(data: bytes) -> None:
    reader = stream("cohere", data)
    assert reader.final
    answer = reader.answer()
    assert answer.usage == USED
    assert answer.attributes[names.SPANLEDGER_RESPONSE_TOOL_CALLS] == ["weather"]


def test_a_stream_that_failed_says_so() -> None:
    reader = stream("cohere", events([{"type": "message-end", "delta": {"finish_reason": "ERROR", "error": "boom"}}]))
    assert getattr(reader.error, "error_type", None) == "ERROR"
