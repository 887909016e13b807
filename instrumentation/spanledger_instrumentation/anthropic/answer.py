"""Reads Anthropic's plain answers: a body as bytes in, an `Answer` out. Pure, and indifferent to malformed bodies."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from spanledger.messages import Answer
from spanledger.semconv import names
from spanledger.usage import Usage
from spanledger_instrumentation.anthropic import content
from spanledger_instrumentation.anthropic.request import wants_json
from spanledger_instrumentation.anthropic.usage import advice, read_usage, tier_of
from spanledger_instrumentation.clients.answers import ProviderError, finish, valid_json
from spanledger_instrumentation.clients.estimates import estimated, texts
from spanledger_instrumentation.clients.shapes import mapping, mappings, text
from spanledger_instrumentation.clients.tokens import tokenizer

#: Anthropic's reasons to stop, as the conventions name them; others stay what they are.
_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
#: Keys of content blocks that say what they are, or that the server wrote; the model has not written their values.
_LABELS = ("type", "id", "tool_use_id", "signature", "data", "caller", "citations", "input")


class PlainReader:
    """Reads the answer to one request."""

    def __init__(self, body: Mapping[str, Any], *, capture: bool = False) -> None:
        self._body = body
        self._capture = capture

    def whole(self, body: bytes) -> Answer:
        """Read a complete body. A body that cannot be read is an answer whose usage has to be estimated."""
        try:
            found = json.loads(body)
        except ValueError:
            found = None
        return self.parsed(found if isinstance(found, dict) else {})

    def parsed(self, found: Mapping[str, Any]) -> Answer:
        """Read a message that has been parsed."""
        if found.get("type") == "error":
            return Answer(error=reported_error(found))
        told = found.get("usage")
        usage = read_usage(told)
        if usage is None:
            usage = self._estimate(found)
        return answer(usage, found, told, self._attributes(found), lambda: self._estimate(found))

    def _estimate(self, found: Mapping[str, Any]) -> Usage:
        return estimated(self._body, _written(found), 0.0, given_up=False)

    def partial(self, elapsed: float) -> Answer:
        """An answer that was never read: the model has worked, but nobody knows how much. A budget charges the hold."""
        return Answer(replace(estimated(self._body, 0, elapsed, given_up=True), suspect=True))

    def _attributes(self, found: Mapping[str, Any]) -> dict[str, Any]:
        blocks = list(mappings(found.get("content")))
        attributes = identity(found, [n for b in blocks if b.get("type") == "tool_use" and (n := text(b.get("name")))])
        if wants_json(self._body):
            written = "".join(text(block.get("text")) or "" for block in blocks)
            attributes |= schema(attributes, written)
        if self._capture:
            attributes |= content.answered(found, stopped(found) or "error")
        return attributes


def answer(
    usage: Usage,
    message: Mapping[str, Any],
    told: object,
    attributes: Mapping[str, Any],
    instead: Callable[[], Usage],
) -> Answer:
    """The answer that a message is whose usage block says `told`, with what its advisors used.

    `instead` estimates the usage where the one told is more than the model has room for in one pass. A message that
    took several tells its steps.
    """
    tier = tier_of(told)
    beside = tuple(Answer(used, model, tier) for model, used in advice(told))
    several = bool(mapping(told).get("iterations"))
    guess = None if several else instead
    return Answer(usage, text(message.get("model")), tier, attributes, instead=guess, beside=beside)


def reported_error(found: Mapping[str, Any]) -> ProviderError:
    """The error that a body or an event tells, by the provider's own name for it."""
    error = mapping(found.get("error"))
    return ProviderError(error or found.get("error") or found, text(error.get("type")) or "anthropic.APIStatusError")


def stopped(found: Mapping[str, Any]) -> str | None:
    """Why the model stopped, as the conventions name it."""
    reason = text(found.get("stop_reason"))
    return _REASONS.get(reason, reason) if reason else None


def identity(found: Mapping[str, Any], tools: list[str]) -> dict[str, Any]:
    """Which message it is, why the model stopped, and which tools it asked for."""
    reason = stopped(found)
    attributes = finish([reason] if reason else [], tools)
    if message_id := text(found.get("id")):
        attributes[names.GEN_AI_RESPONSE_ID] = message_id
    return attributes


def schema(attributes: Mapping[str, Any], written: str) -> dict[str, bool]:
    """Whether an answer that had to be JSON is JSON; of a call of tools nothing is said."""
    if names.SPANLEDGER_RESPONSE_TOOL_CALLS in attributes:
        return {}
    return {names.SPANLEDGER_RESPONSE_SCHEMA_VALID: valid_json(written)}


def _written(found: Mapping[str, Any]) -> int:
    """Tokens of what the model wrote into a message. Results of the server's tools are no writing of its own."""
    blocks = [block for block in mappings(found.get("content")) if not str(block.get("type")).endswith("_result")]
    calls = [json.dumps(block["input"]) for block in blocks if "input" in block]
    family = tokenizer(found.get("model"))
    return family.billed(family.written([*texts(blocks, _LABELS), *calls]), len(calls), whole=True)
