"""Chunks that hold nothing but text pass without being read; whatever else a chunk says is found all the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.spanledger.test_stream import Call

from spanledger.semconv import names
from spanledger.stream import EventTap
from spanledger_instrumentation.openai.events import ChatEvents

IDENTITY = {"id": "c-1", "object": "chat.completion.chunk", "model": "gpt-4o-mini", "system_fingerprint": "fp_1"}
USAGE = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}


class Counting(ChatEvents):
    """Counts the events that are read."""

    read = 0

    def event(self, raw: bytes) -> bytes:
        self.read += 1
        return super().event(raw)


def event(asked: bool, choices: list[dict[str, Any]], compact: bool, **more: Any) -> bytes:
    said = {**IDENTITY, "choices": choices, **({"usage": None} if asked else {}), **more}
    written = json.dumps(said, separators=(",", ":") if compact else None)
    return b"data: " + written.encode() + b"\n\n"


def delta(said: dict[str, Any], finish: str | None = None) -> list[dict[str, Any]]:
    return [{"index": 0, "delta": said, "logprobs": None, "finish_reason": finish}]


def spoken(asked: bool, words: list[str], *, compact: bool = True, padded: bool = True) -> list[bytes]:
    """A role, words, an end."""
    extra = {"obfuscation": "x4Tq9"} if padded else {}
    events = [event(asked, delta({"role": "assistant", "content": ""}), compact, **extra)]
    events += [event(asked, delta({"content": word}), compact, **extra) for word in words]
    return [*events, event(asked, delta({}, "stop"), compact, **extra)]


def reading(*, asked: bool = True) -> tuple[Call, Counting, EventTap]:
    call, reader = Call(), Counting({"messages": []}, asked)
    return call, reader, EventTap(call, reader)


texts = st.text(max_size=12) | st.sampled_from(['"}', '\\"', '"name":"x"', "\\", '"},"logprobs":null'])


@given(st.lists(texts, max_size=8), st.booleans(), st.booleans())
def test_every_text_passes_as_it_would_without_us(words: list[str], compact: bool, padded: bool) -> None:
    call, _, tap = reading()
    given_ = spoken(True, words, compact=compact, padded=padded)
    expected = spoken(False, words, compact=compact, padded=padded)
    assert [tap.feed(piece) for piece in given_] == expected
    usage = event(True, [], compact, usage=USAGE)
    assert tap.feed(usage) == b""
    (answer,) = call.ends
    assert (answer.usage.input, answer.usage.output, answer.model) == (100, 20, "gpt-4o-mini")
    assert answer.attributes[names.GEN_AI_RESPONSE_FINISH_REASONS] == ["stop"]


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("padded", [True, False])
def test_of_a_long_stream_only_a_few_events_are_read(asked: bool, padded: bool) -> None:
    _, reader, tap = reading(asked=asked)
    for piece in spoken(asked, [f' "word" {n}' for n in range(100)], padded=padded):
        tap.feed(piece)
    assert reader.read == 3


def test_events_that_come_together_are_told_one_by_one() -> None:
    _, reader, tap = reading()
    assert tap.feed(b"".join(spoken(True, ["a"] * 50))) == b"".join(spoken(False, ["a"] * 50))
    assert reader.read == 3


def test_padding_may_be_of_any_length() -> None:
    _, reader, tap = reading()
    for piece in spoken(True, ["a", "b"])[:-1]:
        tap.feed(piece)
    read = reader.read
    for padding in ("", "Ab3", "x" * 40):
        seen = tap.feed(event(True, delta({"content": "c"}), compact=True, obfuscation=padding))
        assert seen == event(False, delta({"content": "c"}), compact=True, obfuscation=padding)
    assert reader.read == read


@pytest.mark.parametrize(
    "said",
    [
        {"content": "a", "tool_calls": [{"index": 0, "function": {"name": "look_up", "arguments": ""}}]},
        {"content": 'a"', "tool_calls": [{"index": 0, "function": {"name": "look_up", "arguments": ""}}]},
        {"content": "a\\", "tool_calls": [{"index": 0, "function": {"name": "look_up", "arguments": ""}}]},
        {"content": "", "tool_calls": [{"function": {"arguments": "", "name": "look_up"}}], "refusal": "no"},
    ],
)
def test_a_tool_beside_a_text_is_seen(said: dict[str, Any]) -> None:
    _, reader, tap = reading()
    for piece in spoken(True, ["a", "b"])[:-1]:
        tap.feed(piece)
    tap.feed(event(True, delta(said), compact=True, obfuscation="x4Tq9"))
    assert reader.answer().attributes[names.SPANLEDGER_RESPONSE_TOOL_CALLS] == ["look_up"]


@pytest.mark.parametrize("more", [{"error": {"message": "overloaded"}}, {"usage": USAGE}, {"x_groq": {"usage": USAGE}}])
def test_what_stands_beside_the_choices_is_seen(more: dict[str, Any]) -> None:
    _, reader, tap = reading(asked=False)
    for piece in spoken(False, ["a", "b"])[:-1]:
        tap.feed(piece)
    read = reader.read
    tap.feed(event(False, delta({"content": "c"}), compact=True, obfuscation="x4Tq9", **more))
    assert reader.read == read + 1
    assert reader.error is not None or reader.answer().usage.input == 100  # type: ignore[union-attr]


def test_a_stream_given_up_is_estimated_from_chunks_that_were_not_read() -> None:
    call, reader, tap = reading()
    for piece in spoken(True, ["word "] * 40)[:-1]:
        tap.feed(piece)
    assert reader.read == 2
    tap.closed()
    (answer,) = call.ends
    assert answer.usage.estimated
    assert answer.usage.output >= 50
    assert (answer.model, answer.attributes[names.GEN_AI_RESPONSE_ID]) == ("gpt-4o-mini", "c-1")


def test_an_event_held_back_is_not_joined_with_a_quiet_one() -> None:
    _, _, tap = reading()
    first, second, third, *_ = spoken(True, ["a", "b", "c"])
    shown = spoken(False, ["a", "b", "c"])
    assert tap.feed(first) + tap.feed(second) == shown[0] + shown[1]
    assert tap.feed(third[:-1]) == b""
    assert tap.feed(third[-1:] + second) == shown[2] + shown[1]
