"""Reads Anthropic's streamed answers, event by event. The many deltas in between are parsed for estimates only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from spanledger.messages import Answer
from spanledger.usage import Usage
from spanledger_instrumentation.anthropic import content
from spanledger_instrumentation.anthropic.answer import answer, identity, reported_error, schema, stopped
from spanledger_instrumentation.anthropic.request import wants_json
from spanledger_instrumentation.anthropic.usage import merged, read_usage
from spanledger_instrumentation.clients.answers import KEPT, payload
from spanledger_instrumentation.clients.estimates import estimated
from spanledger_instrumentation.clients.shapes import mapping, text
from spanledger_instrumentation.clients.tokens import tokenizer

#: How an event begins that holds nothing but a piece of a content block.
_DELTA = (
    b"event: content_block_delta",
    b"event:content_block_delta",
    b'data: {"type":"content_block_delta"',
    b'data: {"type": "content_block_delta"',
)
#: What a delta adds to its block, by its type's key. Signatures and citations are no writing of the model's.
WRITTEN = ("text", "thinking", "partial_json", "content")


class MessageEvents:
    """A stream of the Messages API.

    `message_start` tells the input; each `message_delta` the output so far. The usage is final with the
    `message_delta` that says why the model stopped: not everybody reads on to `message_stop`.
    """

    edits = False

    def __init__(self, body: Mapping[str, Any], *, capture: bool = False) -> None:
        self.final = False
        self.error: BaseException | None = None
        self._body = body
        self._capture = capture
        self._message: dict[str, Any] = {}
        self._usage: dict[str, Any] = {}
        self._tools: list[str] = []
        #: The events of content blocks, as they came.
        self._blocks: list[bytes] = []
        self._size = 0

    def event(self, raw: bytes) -> bytes:
        """Take in one event; it is passed on as it came."""
        if raw.startswith(_DELTA):
            self._keep(raw)
        elif (found := payload(raw)) is not None:
            if found.get("type") in ("content_block_start", "content_block_delta"):
                self._keep(raw)
            self._note(found)
        return raw

    def _keep(self, raw: bytes) -> None:
        if self._size < KEPT:
            self._blocks.append(raw)
            self._size += len(raw)

    def _note(self, found: dict[str, Any]) -> None:
        """Take in an event that has been parsed."""
        kind = found.get("type")
        if kind == "message_start":
            self._message = dict(mapping(found.get("message")))
            self._usage = dict(mapping(self._message.get("usage")))
        elif kind == "content_block_start":
            block = mapping(found.get("content_block"))
            if block.get("type") == "tool_use" and (name := text(block.get("name"))):
                self._tools.append(name)
        elif kind == "message_delta":
            self._usage = merged(self._usage, found.get("usage"))
            self._message.update({k: v for k, v in mapping(found.get("delta")).items() if v is not None})
            self.final = bool(text(self._message.get("stop_reason"))) and read_usage(self._usage) is not None
        elif kind == "error" or "error" in found:
            self.error = reported_error(found)

    def answer(self) -> Answer:
        """What a complete stream said; its output is estimated if it never told the end of it."""
        return self._answer(0.0, given_up=False)

    def partial(self, elapsed: float) -> Answer:
        """What a stream said that was given up: exact input if it began, and output as far as it was seen."""
        return self._answer(elapsed, given_up=True)

    def _used(self, elapsed: float, *, given_up: bool) -> Usage:
        told = read_usage(self._usage)
        if told is not None and self.final:
            return told
        guess = self._estimate(elapsed, given_up=given_up)
        return replace(told, output=max(told.output, guess.output), estimated=True) if told else guess

    def _answer(self, elapsed: float, *, given_up: bool) -> Answer:
        usage = self._used(elapsed, given_up=given_up)
        attributes = identity(self._message, self._tools)
        if wants_json(self._body) and self.final:
            attributes |= schema(attributes, "".join(self._pieces()))
        if self._capture:
            attributes |= content.streamed(self._events(), stopped(self._message) or "error")
        return answer(usage, self._message, self._usage, attributes, self._estimate)

    def _estimate(self, elapsed: float = 0.0, *, given_up: bool = False) -> Usage:
        family = tokenizer(self._message.get("model"))
        seen = family.billed(family.written([*self._pieces(), *self._tools]), len(self._tools), whole=not given_up)
        return estimated(self._body, seen, elapsed, given_up=given_up)

    def _events(self) -> list[dict[str, Any]]:
        return [found for raw in self._blocks if (found := payload(raw))]

    def _pieces(self) -> list[str]:
        """What the model wrote, in the pieces in which it came."""
        deltas = [mapping(found.get("delta")) for found in self._events()]
        return [piece for delta in deltas for key in WRITTEN if (piece := text(delta.get(key)))]
