"""Reads the turns of websocket sessions: one response each, realtime or of the Responses API. Pure: no socket."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from spanledger.bound import Bound
from spanledger.messages import NOTHING, Answer
from spanledger.semconv import names
from spanledger.usage import Usage
from spanledger_instrumentation.clients.answers import ProviderError, finish
from spanledger_instrumentation.clients.estimates import estimated
from spanledger_instrumentation.clients.shapes import mapping, mappings, text
from spanledger_instrumentation.clients.tokens import tokenizer
from spanledger_instrumentation.openai.response_events import ResponseEvents
from spanledger_instrumentation.openai.units import turned

#: Bytes of base64 in which a token of speech comes: 50 ms of 16-bit sound at 24 kHz, the format unless told otherwise.
_SPEECH = 2_400 * 4 // 3
#: Deltas of a response that are audio; all other deltas are text.
_AUDIO = ("response.output_audio.delta", "response.audio.delta")
_REASONS = {"max_output_tokens": "length", "content_filter": "content_filter"}


class Reader(Protocol):
    """An understanding of one turn."""

    @property
    def final(self) -> bool:
        """Whether the last event is here."""

    @property
    def error(self) -> BaseException | None:
        """What the provider reported as an error."""

    def take(self, found: Mapping[str, Any], raw: bytes) -> None:
        """Take in one event, parsed and as it came."""

    def answer(self) -> Answer:
        """What a complete turn said."""

    def partial(self, elapsed: float) -> Answer:
        """What is known of a turn that was never told to its end."""


class RealtimeTurn:
    """A turn of a realtime session. `before` is how long the conversation was, in tokens, when it began."""

    def __init__(self, before: int) -> None:
        self.final = False
        self.error: BaseException | None = None
        self._before = before
        self._audio = 0
        self._said: list[str] = []
        self._done: Mapping[str, Any] = {}
        self._id: str | None = None

    def take(self, found: Mapping[str, Any], raw: bytes) -> None:  # noqa: ARG002  the parsed event says all
        """Take in one event."""
        kind, delta = found.get("type"), found.get("delta")
        if kind in _AUDIO and isinstance(delta, str):
            self._audio += len(delta)
        elif isinstance(delta, str):
            self._said.append(delta)
        elif kind == "response.created":
            self._id = text(mapping(found.get("response")).get("id"))
        elif kind == "response.done":
            self._done, self.final = found, True

    def answer(self) -> Answer:
        """What the provider told of the turn."""
        response = mapping(self._done.get("response"))
        details = mapping(response.get("status_details"))
        error = None
        if response.get("status") == "failed":
            reported = mapping(details.get("error"))
            error = ProviderError(reported or "failed", text(reported.get("code")) or "failed")
        attributes = self._identity(text(response.get("id")) or self._id)
        if conversation := text(response.get("conversation_id")):
            attributes[names.GEN_AI_CONVERSATION_ID] = conversation
        tools = [
            name
            for item in mappings(response.get("output"))
            if item.get("type") == "function_call" and (name := text(item.get("name")))
        ]
        reason = {"completed": "tool_calls" if tools else "stop", "cancelled": "cancelled"}.get(
            str(response.get("status")), _REASONS.get(str(details.get("reason")))
        )
        attributes |= finish([reason] if reason else [], tools)
        return Answer(turned(self._done), attributes=attributes, error=error)

    def partial(self, elapsed: float) -> Answer:
        """What was heard and was under way. What it read is at least the conversation so far."""
        speech = -(-self._audio // _SPEECH)
        seen = speech + tokenizer(None).written(self._said)
        if not seen and not self._before:
            return replace(NOTHING, attributes=self._identity(self._id))
        guess = estimated({}, seen, elapsed, given_up=True)
        spoken = guess.output * speech // seen if seen else 0
        return Answer(replace(guess, input=self._before, output_audio=spoken), attributes=self._identity(self._id))

    @staticmethod
    def _identity(response: str | None) -> dict[str, Any]:
        return {names.GEN_AI_RESPONSE_ID: response} if response else {}


class ResponseTurn:
    """A response made over a websocket: its events are those of a stream."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        self._events = ResponseEvents(body)

    @property
    def final(self) -> bool:
        """The last event is here."""
        return self._events.final

    @property
    def error(self) -> BaseException | None:
        """The provider reported an error."""
        return self._events.error

    def take(self, found: Mapping[str, Any], raw: bytes) -> None:  # noqa: ARG002  the reader of streams parses itself
        """Take in one event."""
        self._events.event(b"data: " + raw + b"\n\n")

    def answer(self) -> Answer:
        """What the last event said."""
        return self._events.answer()

    def partial(self, elapsed: float) -> Answer:
        """What was seen."""
        return self._events.partial(elapsed)


def realtime_bound(*settings: Mapping[str, Any]) -> Bound:
    """The worst case of a turn: the server keeps the conversation, so only a window bounds what it reads.

    `settings` are those of the response, then those of its session: the first that has a cap has it.
    """
    for found in settings:
        cap = found.get("max_output_tokens", found.get("max_response_output_tokens"))
        if isinstance(cap, int) and not isinstance(cap, bool):
            return Bound(None, cap, text_only=False)
    return Bound(None, None, text_only=False)


def answers_by_itself(session: Mapping[str, Any]) -> bool:
    """Whether the server begins a response when it thinks that the user has done speaking; it does unless told."""
    if session.get("type") == "transcription":
        return False
    listening = mapping(mapping(session.get("audio")).get("input"))
    for found in (listening, session):
        if "turn_detection" in found:
            detection = found["turn_detection"]
            return detection is not None and mapping(detection).get("create_response") is not False
    return True


def transcriber(session: Mapping[str, Any]) -> str | None:
    """The model that writes down what the user says, if one does."""
    listening = mapping(mapping(session.get("audio")).get("input"))
    asked = mapping(listening.get("transcription")) or mapping(session.get("input_audio_transcription"))
    return text(asked.get("model"))


def read_so_far(usage: Usage | None) -> int:
    """How long a conversation is after a turn, in tokens."""
    return 0 if usage is None else usage.total
