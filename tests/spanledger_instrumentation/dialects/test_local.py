"""Answers of servers that people run themselves."""

from __future__ import annotations

from typing import Any

import pytest
from tests.spanledger_instrumentation.dialects.reading import events, lines, stream, used, whole

from spanledger.usage import Usage

OLLAMA = [
    {"model": "qwen3", "message": {"content": "The"}, "done": False},
    {"model": "qwen3", "message": {"content": " sky"}, "done": False},
    {"model": "qwen3", "message": {"content": ""}, "done": True, "done_reason": "stop", "prompt_eval_count": 21,
     "eval_count": 369, "total_duration": 5_000_000_000, "eval_duration": 4_000_000_000},
]  # fmt: skip

WHOLE: list[tuple[str, str, dict[str, Any], Usage]] = [
    ("ollama", "ollama", OLLAMA[-1], Usage(input=21, output=369)),
    ("ollama's embeddings", "ollama", {"embeddings": [[0.1]], "prompt_eval_count": 4}, Usage(input=4)),
    ("llama.cpp by its timings", "llama_server",
     {"content": "hi", "stop": True, "timings": {"prompt_n": 10, "cache_n": 90, "predicted_n": 7}},
     Usage(input=100, output=7, cache_read=90)),
    ("llama.cpp of old", "llama_server", {"content": "hi", "tokens_evaluated": 10, "tokens_predicted": 7},
     Usage(input=10, output=7)),
    ("tgi", "text_generation",
     {"generated_text": "hi", "details": {"finish_reason": "length", "generated_tokens": 7, "prefill": [{}, {}, {}]}},
     Usage(input=3, output=7)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "document", "usage"), [w[1:] for w in WHOLE], ids=[w[0] for w in WHOLE])
def test_a_whole_answer_is_read(name: str, document: dict[str, Any], usage: Usage) -> None:
    assert used(name, document) == usage


def test_counts_in_the_headers_of_tgi_are_read() -> None:
    headers = {"x_prompt_tokens": "30", "x_generated_tokens": "5"}
    assert used("text_generation", [{"generated_text": "hi"}], **headers) == Usage(input=30, output=5)


STREAMS: list[tuple[str, bytes, Usage]] = [
    ("ollama", lines(OLLAMA), Usage(input=21, output=369)),
    ("llama_server",
     events([{"content": "a", "stop": False}, {"content": "", "stop": True, "tokens_evaluated": 9,
                                               "tokens_predicted": 2}]),
     Usage(input=9, output=2)),
    ("text_generation",
     events([{"token": {"text": "a"}}, {"token": {"text": "b"}, "details": {"generated_tokens": 2, "input_length": 8,
                                                                           "finish_reason": "eos_token"}}]),
     Usage(input=8, output=2)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "data", "usage"), STREAMS, ids=[s[0] for s in STREAMS])
def test_a_stream_tells_its_counts_at_its_end(name: str, data: bytes, usage: Usage) -> None:
    reader = stream(name, data)
    assert reader.final
    assert reader.answer().usage == usage


def test_a_prompt_that_ollama_had_cached_is_not_free() -> None:
    usage = whole("ollama", {"done": True, "eval_count": 38}, {"prompt": "x" * 36}).usage
    assert usage == Usage(input=9, output=38, estimated=True)


def test_an_answer_without_counts_is_estimated_within_the_cap_of_its_request() -> None:
    asked = {"messages": [{"content": "x" * 40}], "options": {"num_predict": 1}}
    assert whole("ollama", OLLAMA[0], asked).usage == Usage(input=10, output=1, estimated=True)
    unlimited = {"messages": [{"content": "x" * 40}], "options": {"num_predict": -1}}
    assert stream("ollama", lines(OLLAMA[:2]), unlimited).answer().usage == Usage(input=10, output=2, estimated=True)
