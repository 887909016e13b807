"""How many tokens a text is taken for when nobody tells, and what bounds an estimate."""

from __future__ import annotations

import pytest

from spanledger_instrumentation.clients.estimates import estimated, texts
from spanledger_instrumentation.clients.tokens import tokenizer

GPT, NEWER, CLAUDE = tokenizer("gpt-4o-mini"), tokenizer("gpt-5.4-2026-03-05"), tokenizer("claude-haiku-4-5")


@pytest.mark.parametrize(
    "piece", ["Hello", " there", ",", "()", " 128", "\n\n", "n't", " internationalization", "😀", " “", "内部"]
)
def test_a_piece_that_a_tokenizer_could_have_written_at_once_is_one_token(piece: str) -> None:
    assert GPT.written([piece]) == 1


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("The quick brown fox jumps over the lazy dog.", 10),
        ('{"colour":"blue","size":1024}', 10),
        ("def add(a, b):\n    return a + b\n", 12),
        ("内部统计数据。", 7),
        ("", 0),
    ],
)
def test_a_text_that_comes_at_once_is_counted_by_its_words(text: str, tokens: int) -> None:
    assert GPT.written([text]) == tokens


def test_claude_makes_more_tokens_of_long_words() -> None:
    text = "Internationalization considerations notwithstanding, everything continues."
    assert CLAUDE.written([text]) > GPT.written([text])


def test_calls_of_tools_and_the_frame_of_an_answer_are_billed_besides_what_is_seen() -> None:
    assert GPT.billed(10, 0, whole=True) == 10
    assert GPT.billed(10, 2, whole=True) == 22
    assert NEWER.billed(10, 0, whole=True) == 14
    assert NEWER.billed(10, 0, whole=False) == 10
    assert CLAUDE.billed(10, 1, whole=True) == 53


def test_nothing_is_billed_for_an_answer_that_shows_nothing() -> None:
    assert CLAUDE.billed(0, 0, whole=True) == 0


@pytest.mark.parametrize("model", [None, 7, "house-model"])
def test_an_unknown_model_is_taken_for_one_of_the_most(model: object) -> None:
    assert tokenizer(model) == GPT


def test_an_estimate_is_never_above_what_the_request_allows_for_all_its_answers() -> None:
    assert estimated({"max_tokens": 50}, 300, 1.0, given_up=True).output == 50
    assert estimated({"max_tokens": 50, "n": 3}, 300, 1.0, given_up=True).output == 150
    assert estimated({"n": 3}, 300, 1.0, given_up=False).output == 300


def test_what_was_under_way_is_two_seconds_at_the_rate_seen() -> None:
    assert estimated({}, 30, 3.0, given_up=True).output == 30 + 20
    assert estimated({}, 30, 0.0, given_up=True).output == 30 + 400


def test_labels_and_pictures_are_no_text() -> None:
    found = {"id": "x", "text": "a", "source": {"type": "base64", "data": "AAAA"}, "url": "data:image/png;base64,A"}
    assert list(texts([found, {"id": {"text": "b"}}], ("id",))) == ["a"]
