"""Whatever a provider sends, readers neither raise nor report a count below nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.spanledger_instrumentation.dialects.reading import chunks, events, lines, messages

from spanledger.usage import PLAUSIBLE, Usage
from spanledger_instrumentation.dialects import DIALECTS, PlainReader, StreamReader

#: Words that mean something to some reader, so that junk gets past the first look.
WORDS = (
    "usageMetadata", "promptTokenCount", "candidatesTokenCount", "cachedContentTokenCount", "totalTokenCount",
    "promptTokensDetails", "modality", "tokenCount", "candidates", "content", "parts", "text", "groundingMetadata",
    "webSearchQueries", "predictions", "embeddings", "statistics", "token_count", "usage", "inputTokens",
    "outputTokens", "cacheReadInputTokens", "cacheWriteInputTokens", "cacheDetails", "ttl", "metadata", "trace",
    "message", "input_tokens", "output_tokens", "cache_creation", "ephemeral_1h_input_tokens", "prompt_tokens",
    "completion_tokens", "inputTextTokenCount", "results", "prompt_token_count", "chunk", "bytes", "meta", "tokens",
    "billed_units", "search_units", "cached_tokens", "delta", "tool_calls", "function", "name", "response",
    "prompt_eval_count", "eval_count", "done", "timings", "prompt_n", "predicted_n", "stop", "details", "prefill",
    "generated_tokens", "error", "messages", "max_tokens", "generationConfig", "maxOutputTokens", "options",
    "num_predict", "finish_reason", "finishReason", "amazon-bedrock-invocationMetrics", "inputTokenCount",
)  # fmt: skip
numbers = st.integers(-(10**25), 10**25) | st.integers(0, 100) | st.floats() | st.booleans()
leaves = st.none() | numbers | st.text(max_size=8) | st.sampled_from(("AUDIO", "5m", "1h", "ERROR", "message-end"))
keys = st.sampled_from(WORDS) | st.text(max_size=4)
junk = st.recursive(leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=6))
dialects = st.sampled_from(sorted(DIALECTS))
documents = st.dictionaries(keys, junk, max_size=8)


def sound(usage: Usage | None) -> None:
    """Counts of a usage are what the rest of the house relies on."""
    if usage is None:
        return
    checked = usage.checked()
    assert usage.plausible
    assert min(checked.input, checked.output, checked.cache_read, checked.cache_write, checked.web_searches) >= 0
    assert checked.input >= checked.cache_read + checked.cache_write
    assert checked.input >= checked.input_audio + checked.input_image + checked.input_video
    assert checked.output >= checked.reasoning
    assert max(usage.input, usage.output) <= PLAUSIBLE


@given(name=dialects, document=documents, body=documents, header=st.text(max_size=5))
def test_a_whole_answer_of_junk_is_read_without_harm(
    name: str, document: dict[str, Any], body: dict[str, Any], header: str
) -> None:
    reader = PlainReader(DIALECTS[name], body, {"X-Amzn-Bedrock-Input-Token-Count": header, "x-prompt-tokens": header})
    sound(reader.whole(json.dumps(document).encode()).usage)
    sound(reader.partial(1.0).usage)


@given(name=dialects, told=st.lists(documents, max_size=4), noise=st.binary(max_size=20), size=st.integers(1, 50))
def test_a_stream_of_junk_is_read_without_harm(name: str, told: list[Any], noise: bytes, size: int) -> None:
    framed = (chunks(*told), messages(*(("metadata", document) for document in told)))
    data = noise.join(framed) if name.startswith("bedrock") else events(told) + noise + lines(told)
    reader = StreamReader(DIALECTS[name], {})
    for at in range(0, len(data), size):
        assert reader.event(data[at : at + size]) == data[at : at + size]
    sound(reader.partial(0.0).usage)
    sound(reader.answer().usage)


@pytest.mark.parametrize("name", DIALECTS)
@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"3", b'"text"', b"<html>", b"[" * 5000, b'{"a":' * 5000])
def test_a_body_that_is_no_answer_is_an_estimate(name: str, body: bytes) -> None:
    usage = PlainReader(DIALECTS[name], {}).whole(body).usage
    assert usage == Usage(estimated=True)
