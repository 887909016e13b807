"""Reads OpenAI's streamed answers, event by event, parsing only the few events that say something.

A chat stream of hundreds of chunks is parsed three or four times: its first chunk, those that finish a choice or name a
tool, and the one with the usage. The texts are parsed only where they are needed afterwards: for estimates.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from spanledger.call import Answer
from spanledger.semconv import names
from spanledger.usage import Usage
from spanledger_instrumentation.clients.answers import KEPT, ProviderError, finish, payload, valid_json
from spanledger_instrumentation.clients.estimates import estimated, texts, tokens
from spanledger_instrumentation.clients.shapes import mapping, mappings, text
from spanledger_instrumentation.openai import content
from spanledger_instrumentation.openai.answer import PlainReader, said_by
from spanledger_instrumentation.openai.bound import one_pass
from spanledger_instrumentation.openai.request import wants_json
from spanledger_instrumentation.openai.units import with_search, with_tools
from spanledger_instrumentation.openai.usage import read_usage

#: What the client raises for an error in a stream.
_STREAM_ERROR = "openai.APIError"
#: What stands behind the text of a chunk that neither ends a choice nor tells a usage.
_QUIET = re.compile(rb'"finish_reason": ?null[}\]]*(?:, ?"usage": ?null)?')
_NULL_USAGE = re.compile(rb',\s*"usage"\s*:\s*null|"usage"\s*:\s*null\s*,\s*')
#: Marks of servers that send the chunk with nothing but the usage unasked (seen in recorded streams of Novita).
_UNASKED = (b'"sla_metrics"',)


def _tells(raw: bytes) -> bool:
    """Whether a chunk may hold more than text. Cheap, because every chunk is asked; errs on the side of reading.

    Inside a JSON string a quoted key cannot stand: its quotes would be escaped.
    """
    return (
        b'"name"' in raw
        or b'"error"' in raw
        or raw.count(b'"finish_reason"') > raw.count(b'"finish_reason":null') + raw.count(b'"finish_reason": null')
        or (b'"usage"' in raw and b'"usage":null' not in raw and b'"usage": null' not in raw)
    )


def _without_null_usage(raw: bytes) -> bytes:
    for null in (b',"usage":null', b', "usage": null'):
        if null in raw:
            return raw.replace(null, b"", 1)
    return _NULL_USAGE.sub(b"", raw, count=1)


class ChatEvents:
    """A stream of chat or legacy completion chunks.

    `asked`: it was we who asked for usage, so what that adds to the stream is taken out again. That is the chunk with
    empty `choices` and the usage, and the `"usage": null` of all others; the latter only where a chunk has what
    OpenAI's chunks always have, because some servers send it unasked.
    """

    def __init__(self, body: Mapping[str, Any], asked: bool, *, capture: bool = False) -> None:
        self.edits = asked
        self._capture = capture
        self.final = False
        self.error: BaseException | None = None
        self._body = body
        self._events: list[bytes] = []
        self._size = 0
        self._head: dict[str, Any] = {}
        self._usage: Any = None
        self._reasons: list[str] = []
        self._tools: list[str] = []
        self._one_choice = body.get("n") in (None, 1)
        #: How chunks go on behind their text that hold nothing else, and what the app is to see of that.
        self._quiet = self._shown = b""

    def event(self, raw: bytes) -> bytes:
        """Take in one event; returns it as the app is to see it."""
        if self._size < KEPT:
            self._events.append(raw)
            self._size += len(raw)
        quiet = self._quiet
        if quiet and (at := raw.rfind(quiet)) > 0 and b'"name"' not in raw:
            rest = raw[at + len(quiet) :]
            if b'"usage"' not in rest:
                return raw[:at] + self._shown + rest if self.edits else raw
        return self._read(raw)

    def _read(self, raw: bytes) -> bytes:
        """The long way: look at everything that an event could tell."""
        if raw.startswith((b"data: [DONE]", b"data:[DONE]")):
            self.final = True
        elif (not self._head and b"{" in raw) or _tells(raw):
            found = payload(raw)
            if found is not None and self._note(found) and self.edits and not any(mark in raw for mark in _UNASKED):
                return b""
        elif self._one_choice:
            self._learn(raw)
        return self._edited(raw) if self.edits else raw

    @staticmethod
    def _edited(raw: bytes) -> bytes:
        if b'"usage"' in raw and (b'"system_fingerprint"' in raw or b'"service_tier"' in raw):
            return _without_null_usage(raw)
        return raw

    def _learn(self, raw: bytes) -> None:
        """Remember how a chunk goes on behind its text if it holds nothing else: most of a stream do so alike."""
        if found := _QUIET.search(raw):
            begin, end = found.span()
            shown = _without_null_usage(found[0]) if self.edits and self._edited(raw) is not raw else found[0]
            if not self.edits or raw[:begin] + shown + raw[end:] == self._edited(raw):
                self._quiet, self._shown = found[0], shown

    def _note(self, found: dict[str, Any]) -> bool:
        """Keep what a chunk says; returns whether it is the one that carries nothing but the usage."""
        for key in ("id", "model", "system_fingerprint", "service_tier"):
            if found.get(key):
                self._head[key] = found[key]
        if found.get("error"):
            self.error = ProviderError(found["error"], _STREAM_ERROR)
        choices = found.get("choices")
        for choice in mappings(choices):
            if reason := text(choice.get("finish_reason")):
                self._reasons.append(reason)
            for call in mappings(mapping(choice.get("delta")).get("tool_calls")):
                if name := text(mapping(call.get("function")).get("name")):
                    self._tools.append(name)
        elsewhere = mapping(found.get("x_groq")).get("usage") or found.get("timings")
        self._usage = found.get("usage") or elsewhere or self._usage
        self.final = choices == [] and read_usage(self._usage) is not None
        return choices == [] and found.get("usage") is not None

    def answer(self) -> Answer:
        """What a complete stream said; its usage is estimated from its text if it told none."""
        usage = self._told()
        if usage is None:
            usage = estimated(self._body, self._seen(), 0.0, given_up=False)
        model, tier = text(self._head.get("model")), text(self._head.get("service_tier"))
        return Answer(usage, model, tier, self._attributes(), None, self._instead)

    def _instead(self) -> Usage | None:
        return estimated(self._body, self._seen(), 0.0, given_up=False) if one_pass("chat", self._body) else None

    def partial(self, elapsed: float) -> Answer:
        """What a stream said that was given up."""
        usage = self._told() if self._reasons else None
        if usage is None:
            usage = estimated(self._body, self._seen(), elapsed, given_up=True)
        return Answer(usage, text(self._head.get("model")), text(self._head.get("service_tier")), self._attributes())

    def _told(self) -> Usage | None:
        usage = read_usage(self._usage)
        return with_search(usage, text(self._head.get("model"))) if usage else None

    def _seen(self) -> int:
        """Output tokens that were seen: one a chunk with text, or by the size of the text if that is more."""
        pieces = [piece for event in self._events if (found := payload(event)) for piece in _deltas(found)]
        return tokens(pieces)

    def _attributes(self) -> dict[str, Any]:
        attributes = finish(self._reasons, self._tools)
        for key, name in _HEAD:
            if value := text(self._head.get(key)):
                attributes[name] = value
        if wants_json(self._body) and self._reasons and not self._tools:
            said = "".join(t for e in self._events if (found := payload(e)) for t in _deltas(found))
            attributes[names.SPANLEDGER_RESPONSE_SCHEMA_VALID] = valid_json(said)
        if self._capture:
            attributes |= content.streamed(found for event in self._events if (found := payload(event)))
        return attributes


_HEAD = (
    ("id", names.GEN_AI_RESPONSE_ID),
    ("service_tier", names.OPENAI_RESPONSE_SERVICE_TIER),
    ("system_fingerprint", names.OPENAI_RESPONSE_SYSTEM_FINGERPRINT),
)


def _deltas(found: Mapping[str, Any]) -> list[str]:
    """The text that a chunk adds: content, reasoning, refusals, arguments of tools; or a legacy completion's text."""
    pieces = ["".join(texts(said_by(choice))) for choice in mappings(found.get("choices"))]
    return [piece for piece in pieces if piece]


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
        self._deltas: list[bytes] = []
        self._size = 0

    def event(self, raw: bytes) -> bytes:
        """Take in one event; it is passed on as it came."""
        if b'.delta"' in raw[:200]:
            if self._size < KEPT:
                self._deltas.append(raw)
                self._size += len(raw)
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
            self.error = ProviderError(found.get("error") or found, _STREAM_ERROR)

    def answer(self) -> Answer:
        """What a complete stream said."""
        if self._last.get("usage") or self.final:
            return self._plain.parsed(self._last)
        return self.partial(0.0)

    def partial(self, elapsed: float) -> Answer:
        """What a stream said that was given up."""
        said = [d for e in self._deltas if (f := payload(e)) and isinstance(d := f.get("delta"), str) and d]
        known = self._plain.parsed({**self._last, "status": "in_progress"})
        usage = known.usage or estimated(self._body, tokens(said), elapsed, given_up=True)
        usage = with_tools(usage, {**self._last, "output": self._items})
        return Answer(usage, known.model, known.tier, known.attributes)
