"""What LangChain's messages say of their tokens."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages.ai import UsageMetadata

from spanledger.usage import Usage
from spanledger_instrumentation.langchain.usage import read_usage, tier

BLOCKS: list[tuple[str, Any, Usage | None, str | None]] = [
    ("plain", UsageMetadata(input_tokens=9, output_tokens=5, total_tokens=14), Usage(input=9, output=5), None),
    ("details",
     {"input_tokens": 90, "output_tokens": 50, "total_tokens": 140,
      "input_token_details": {"cache_read": 40, "cache_creation": 7, "audio": 3},
      "output_token_details": {"reasoning": 20, "audio": 2}},
     Usage(input=90, output=50, cache_read=40, cache_write=7, input_audio=3, reasoning=20, output_audio=2), None),
    ("lifetimes of what is written to a cache",
     {"input_tokens": 90, "output_tokens": 5, "input_token_details": {
         "cache_creation": 0, "ephemeral_5m_input_tokens": 30, "ephemeral_1h_input_tokens": 20}},
     Usage(input=90, output=5, cache_write=50, cache_write_long=20), None),
    ("priority", {"input_tokens": 90, "output_tokens": 5, "input_token_details": {"priority_cache_read": 40,
                                                                                 "priority": 50}},
     Usage(input=90, output=5, cache_read=40), "priority"),
    ("flex", {"input_tokens": 90, "output_tokens": 9, "output_token_details": {"flex_reasoning": 4, "flex": 5}},
     Usage(input=90, output=9, reasoning=4), "flex"),
    ("nothing", {}, None, None),
    ("junk", {"input_tokens": "3", "output_tokens": None, "input_token_details": 3}, None, None),
]  # fmt: skip


@pytest.mark.parametrize(("block", "usage", "told"), [b[1:] for b in BLOCKS], ids=[b[0] for b in BLOCKS])
def test_a_message_tells_its_tokens_and_its_tier(block: Any, usage: Usage | None, told: str | None) -> None:
    assert read_usage(block) == usage
    assert tier(block) == told


keys = st.sampled_from(("input_tokens", "output_tokens", "total_tokens", "input_token_details", "cache_read",
                        "output_token_details", "priority_cache_read", "flex", "audio"))  # fmt: skip
leaves = st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.floats() | st.text(max_size=4)


@given(st.dictionaries(keys, leaves | st.dictionaries(keys, leaves)))
def test_junk_is_read_without_harm(block: dict[str, Any]) -> None:
    usage = read_usage(block)
    assert tier(block) in (None, "priority", "flex")
    assert usage is None or (usage.plausible and usage.flagged() == usage)
