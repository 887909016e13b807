"""Answers of Gemini and Vertex, as Google words them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.spanledger_instrumentation.dialects.reading import events, stream, used, whole

from spanledger.semconv import names
from spanledger.usage import Units, Usage

ASKED = {"contents": [{"parts": [{"text": "x" * 40}]}], "generationConfig": {"maxOutputTokens": 50}}


def said(text: str, **more: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": [{"text": text}]}, **more}], "modelVersion": "gemini-2.5-flash"}


def told(**block: Any) -> dict[str, Any]:
    return {"usageMetadata": block}


USAGES: list[tuple[str, dict[str, Any], Usage]] = [
    ("thoughts come on top of candidates",
     {"promptTokenCount": 8, "candidatesTokenCount": 5, "thoughtsTokenCount": 25, "totalTokenCount": 38},
     Usage(input=8, output=30, reasoning=25)),
    ("cached tokens are part of the prompt",
     {"promptTokenCount": 3520, "candidatesTokenCount": 2, "cachedContentTokenCount": 3512,
      "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 3512}]},
     Usage(input=3520, output=2, cache_read=3512)),
    ("what tools gave to read comes on top of the prompt",
     {"promptTokenCount": 10, "toolUsePromptTokenCount": 90, "candidatesTokenCount": 4, "totalTokenCount": 104},
     Usage(input=100, output=4, input_tool=90)),
    ("kinds of tokens, by name and by number",
     {"promptTokenCount": 100, "candidatesTokenCount": 20, "cachedContentTokenCount": 30,
      "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 60}, {"modality": 2, "tokenCount": 15},
                              {"modality": "VIDEO", "tokenCount": 20}, {"modality": "TEXT", "tokenCount": 5}],
      "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 20}, {"modality": "IMAGE", "tokenCount": 10}],
      "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 18}]},
     Usage(input=100, output=20, cache_read=30, input_audio=60, input_image=15, input_video=20, cache_read_audio=20,
           cache_read_image=10, output_image=18)),
    ("a prompt that was blocked", {"promptTokenCount": 9, "totalTokenCount": 9}, Usage(input=9)),
]  # fmt: skip


@pytest.mark.parametrize(("block", "usage"), [u[1:] for u in USAGES], ids=[u[0] for u in USAGES])
def test_counts_are_read_as_google_means_them(block: dict[str, Any], usage: Usage) -> None:
    assert used("gemini", said("hi") | told(**block)) == usage


def test_a_sum_that_tells_of_more_than_its_parts_is_charged_in_full() -> None:
    found = used("gemini", told(promptTokenCount=8, candidatesTokenCount=5, totalTokenCount=60))
    assert found.suspect
    assert (found.output, found.checked().output) == (5, 52)


def test_more_cached_than_there_was_is_suspect_and_charged_at_the_larger_reading() -> None:
    found = used("gemini", told(promptTokenCount=8, candidatesTokenCount=5, cachedContentTokenCount=10))
    assert found.suspect
    assert found.checked().input == 10


@pytest.mark.parametrize(("model", "searches"), [("gemini-2.5-pro", 1), ("gemini-3-pro", 2)])
def test_searches_are_charged_by_the_prompt_before_the_third_generation(model: str, searches: int) -> None:
    grounded = {"groundingMetadata": {"webSearchQueries": ["a", "b"]}}
    document = said("hi", **grounded) | told(promptTokenCount=1, candidatesTokenCount=1) | {"modelVersion": model}
    assert used("gemini", document).web_searches == searches


def test_an_answer_says_what_answered_and_why_it_stopped() -> None:
    parts = {"parts": [{"functionCall": {"name": "weather", "args": {}}}]}
    document = {"candidates": [{"content": parts, "finishReason": "STOP"}], "modelVersion": "gemini-2.5-pro",
                "responseId": "r1"} | told(promptTokenCount=1, trafficType="ON_DEMAND_PRIORITY")  # fmt: skip
    answer = whole("gemini", document)
    assert (answer.model, answer.tier) == ("gemini-2.5-pro", "priority")
    assert answer.attributes == {
        names.GEN_AI_RESPONSE_ID: "r1",
        names.GEN_AI_RESPONSE_FINISH_REASONS: ["stop"],
        names.SPANLEDGER_RESPONSE_TOOL_CALLS: ["weather"],
    }


STREAM = [
    said("wh") | told(promptTokenCount=15, totalTokenCount=15),
    said("iskers") | told(promptTokenCount=15, totalTokenCount=15),
    said("!", finishReason="STOP") | told(promptTokenCount=14, candidatesTokenCount=33, totalTokenCount=47),
]


@pytest.mark.parametrize(
    "data",
    [
        events(STREAM),
        json.dumps(STREAM, indent=2).encode(),
        json.dumps(STREAM, indent=2).replace("\n  ", "\n").encode(),
    ],
    ids=["events", "array in one piece", "array as it is streamed"],
)
def test_counts_of_a_stream_are_cumulative(data: bytes) -> None:
    expected = Usage(input=14, output=33)
    assert whole("gemini", STREAM).usage == expected
    if not data.startswith(b"[\n  "):
        assert stream("gemini", data).answer().usage == expected


def test_a_stream_given_up_is_estimated_from_what_is_known() -> None:
    reader = stream("gemini", events(STREAM[:2]), ASKED)
    usage = reader.partial(1.0).usage
    assert usage is not None
    assert usage.estimated
    assert usage.input == 15
    assert 2 < usage.output <= 50


def test_a_stream_whose_end_was_seen_is_exact_though_nobody_asked_for_more() -> None:
    usage = stream("gemini", events(STREAM)).partial(1.0).usage
    assert usage == Usage(input=14, output=33)


def test_a_prompt_that_was_not_counted_is_estimated() -> None:
    usage = whole("gemini", told(candidatesTokenCount=18, thoughtsTokenCount=58), ASKED).usage
    assert usage == Usage(input=10, output=76, reasoning=58, estimated=True)


def test_an_error_in_a_stream_is_told() -> None:
    reader = stream("gemini", events([STREAM[0], {"error": {"code": 503, "status": "UNAVAILABLE", "message": "no"}}]))
    assert getattr(reader.error, "error_type", None) == "UNAVAILABLE"


def test_predictions_of_vertex_are_counted_by_what_they_are() -> None:
    texts = [{"embeddings": {"values": [0.1], "statistics": {"token_count": count}}} for count in (4, 5)]
    assert used("gemini", {"predictions": texts}) == Usage(input=9)
    pictures = [{"bytesBase64Encoded": "aGk=", "mimeType": "image/png"}] * 3
    assert used("gemini", {"predictions": pictures}) == Usage(units=Units(images=3))
