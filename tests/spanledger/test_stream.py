"""However a stream is cut into pieces, the app sees the same bytes and the call ends once."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.scripted import chat_events

from spanledger.messages import Answer
from spanledger.stream import BodyTap, EventTap
from spanledger_instrumentation.openai.answer import PlainReader
from spanledger_instrumentation.openai.events import ChatEvents

ENDS = (b"\n\n", b"\r\n\r\n", b"\r\r")


class Call:
    """Stands for a call: remembers how it was ended."""

    elapsed = 1.0

    def __init__(self) -> None:
        self.ends: list[Any] = []
        self.chunks = 0

    @property
    def ended(self) -> bool:
        return bool(self.ends)

    def first_chunk(self) -> None:
        self.chunks += 1

    def succeed(self, answer: Answer) -> None:
        if not self.ends:
            self.ends.append(answer)

    def fail(self, error: BaseException, answer: Answer = Answer()) -> None:  # noqa: B008
        if not self.ends:
            self.ends.append((error, answer))


def tapped(call: Call, asked: bool) -> EventTap:
    return EventTap(call, ChatEvents({"messages": []}, asked))


def parts(body: bytes, cuts: list[int]) -> list[bytes]:
    marks = [0, *sorted(at % (len(body) + 1) for at in cuts), len(body)]
    return [body[a:b] for a, b in pairwise(marks)]


texts = st.lists(st.text(max_size=8), max_size=4)


@given(texts, st.sampled_from(ENDS), st.lists(st.integers(0, 10_000), max_size=8))
def test_any_partition_of_a_stream_yields_what_was_not_asked_for_usage(
    words: list[str], end: bytes, cuts: list[int]
) -> None:
    call = Call()
    tap = tapped(call, asked=True)
    seen = b"".join(tap.feed(piece) for piece in parts(b"".join(chat_events(True, words, end)), cuts)) + tap.flush()
    tap.closed()
    assert seen == b"".join(chat_events(False, words, end))
    (answer,) = call.ends
    assert (answer.usage.input, answer.usage.output) == (100, 20)


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=8), st.booleans())
def test_any_bytes_pass_unchanged_and_end_the_call_once(body: bytes, cuts: list[int], asked: bool) -> None:
    call = Call()
    tap = tapped(call, asked)
    assert b"".join(tap.feed(piece) for piece in parts(body, cuts)) + tap.flush() == body
    tap.closed()
    assert len(call.ends) == 1


def test_a_boundary_may_come_byte_by_byte() -> None:
    tap = tapped(Call(), asked=True)
    body = b'data: {"usage":null,"service_tier":1}\r\n\r\n' * 2
    assert b"".join(tap.feed(body[at : at + 1]) for at in range(len(body))) == body.replace(b'"usage":null,', b"")


@given(st.lists(st.sampled_from([b"\r", b"\n", b"data: {}", b":", b'data: {"usage":null,"service_tier":1}', b"x"])))
def test_odd_line_ends_are_boundaries_wherever_they_are_cut(pieces: list[bytes]) -> None:
    whole, cut = tapped(Call(), asked=True), tapped(Call(), asked=True)
    body = b"".join(pieces)
    single = b"".join(cut.feed(body[at : at + 1]) for at in range(len(body))) + cut.flush()
    assert single == whole.feed(body) + whole.flush()


@given(st.binary(max_size=100), st.lists(st.integers(0, 100), max_size=5))
def test_a_body_passes_in_the_pieces_in_which_it_came(body: bytes, cuts: list[int]) -> None:
    call = Call()
    tap = BodyTap(call, PlainReader("chat", {}))
    pieces = parts(body, cuts)
    assert [tap.feed(piece) for piece in pieces] == pieces
    assert tap.flush() == b""
    assert len(call.ends) == 1


def test_an_event_passes_as_soon_as_it_is_complete() -> None:
    tap = tapped(Call(), asked=True)
    first, second, *_ = chat_events(True)
    plain = chat_events(False)
    assert [tap.feed(first[:-1]), tap.feed(first[-1:] + second[:9]), tap.feed(second[9:])] == [b"", plain[0], plain[1]]


def test_bytes_pass_at_once_where_nothing_is_edited() -> None:
    tap = tapped(Call(), asked=False)
    assert [tap.feed(b"da"), tap.feed(b"ta: x"), tap.flush()] == [b"da", b"ta: x", b""]


def test_a_call_ends_with_its_usage_before_the_stream_does() -> None:
    call = Call()
    tap = tapped(call, asked=True)
    for piece in chat_events(True)[:-1]:
        tap.feed(piece)
    assert call.ended


def test_a_broken_stream_fails_its_call_with_what_was_seen() -> None:
    call, error = Call(), OSError("gone")
    tap = tapped(call, asked=True)
    tap.feed(chat_events(True)[1])
    tap.broken(error)
    tap.closed()
    ((told, answer),) = call.ends
    assert told is error
    assert answer.usage.estimated


class Broken(ChatEvents):
    """A reader with a bug."""

    def event(self, raw: bytes) -> bytes:
        raise LookupError


@pytest.mark.parametrize("asked", [True, False])
def test_a_failure_of_ours_leaves_the_bytes_as_they_came(asked: bool, failures: Counter[tuple[str, str]]) -> None:
    call = Call()
    tap = EventTap(call, Broken({}, asked))
    body = b"".join(chat_events(asked))
    assert b"".join(tap.feed(body[at : at + 50]) for at in range(0, len(body), 50)) + tap.flush() == body
    tap.closed()
    assert failures[("stream", "LookupError")] > 0
    assert len(call.ends) == 1
