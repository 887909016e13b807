"""Reads streams of the Responses API, whose last event holds the whole response."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from spanledger.messages import Answer
from spanledger.stream import Kept
from spanledger.usage import Usage
from spanledger_instrumentation.clients.answers import KEPT, ProviderError, payload
from spanledger_instrumentation.clients.estimates import estimated
from spanledger_instrumentation.clients.shapes import mapping, text
from spanledger_instrumentation.clients.tokens import tokenizer
from spanledger_instrumentation.openai.answer import STREAM_ERROR, PlainReader
from spanledger_instrumentation.openai.units import with_tools

_FINAL = ("response.completed", "response.incomplete", "response.failed", "response.cancelled")


class ResponseEvents:
    """A stream of the Responses API: its last event holds the whole response."""

    edits = False

    def __init__(self, body: Mapping[str, Any], *, capture: bool = False) -> None:
        self.final = False
        self.error: BaseException | None = None
        self._body = body
        self._plain = PlainReader("responses", body, capture=capture)
        self._last: dict[str, Any] = {}
        self._items: list[Any] = []
        self._deltas = Kept(KEPT)

    def event(self, raw: bytes) -> bytes:
        """Take in one event; it is passed on as it came."""
        if b'.delta"' in raw[:200]:
            self._deltas.add(raw)
        elif b'"response"' in raw or b'"error"' in raw or b'output_item.done"' in raw[:200]:
            self._note(payload(raw) or {})
        return raw

    def _note(self, found: dict[str, Any]) -> None:
        response = found.get("response")
        if isinstance(response, dict):
            self._last = response
            self.final = found.get("type") in _FINAL
        elif found.get("type") == "response.output_item.done":
            self._items.append(found.get("item"))
        elif found.get("type") == "error" or found.get("error"):
            self.error = ProviderError(found.get("error") or found, STREAM_ERROR)

    def answer(self) -> Answer:
        """What a complete stream said."""
        if not (self._last.get("usage") or self.final):
            return self._seen(0.0, given_up=False)
        found = self._plain.parsed(self._last)
        if found.usage is not None and found.usage.estimated:  # the pieces tell more than the text that they make
            return replace(found, usage=self._guess(found.model, 0.0, given_up=False))
        return found

    def partial(self, elapsed: float) -> Answer:
        """What a stream said that was given up."""
        return self._seen(elapsed, given_up=True)

    def _guess(self, model: str | None, elapsed: float, *, given_up: bool) -> Usage:
        pieces = [d for e in self._deltas.events if (f := payload(e)) and isinstance(d := f.get("delta"), str)]
        calls = [name for item in self._items if (name := text(mapping(item).get("name")))]
        family = tokenizer(model)
        seen = family.billed(family.written([*pieces, *calls]), len(calls), whole=not given_up)
        return estimated(self._body, seen, elapsed, given_up=given_up)

    def _seen(self, elapsed: float, *, given_up: bool) -> Answer:
        """What the events say that the last one would have said."""
        known = self._plain.parsed({**self._last, "status": "in_progress"})
        usage = known.usage or self._guess(known.model, elapsed, given_up=given_up)
        usage = with_tools(usage, {**self._last, "output": self._items})
        return Answer(usage, known.model, known.tier, known.attributes)
