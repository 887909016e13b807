"""Reads streams of chat and of legacy completions, event by event, parsing only the few events that say something.

A chat stream of hundreds of chunks is parsed two or three times: the chunks that finish a choice or name a tool, and
the one with the usage. The texts are parsed only where they are needed afterwards: for estimates.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from spanledger.messages import Answer
from spanledger.semconv import names
from spanledger.stream import Kept, Quiet
from spanledger.usage import Usage
from spanledger_instrumentation.clients.answers import KEPT, ProviderError, finish, payload, valid_json
from spanledger_instrumentation.clients.estimates import estimated
from spanledger_instrumentation.clients.shapes import mapping, mappings, text
from spanledger_instrumentation.clients.tokens import tokenizer
from spanledger_instrumentation.openai import content
from spanledger_instrumentation.openai.answer import STREAM_ERROR, written
from spanledger_instrumentation.openai.bound import one_pass
from spanledger_instrumentation.openai.request import wants_json
from spanledger_instrumentation.openai.units import with_search
from spanledger_instrumentation.openai.usage import read_usage

#: The text in a chunk of chat, whatever the delta calls it, and in one of a legacy completion.
_TEXT = re.compile(
    rb'(?:"delta": ?\{(?:"role": ?"assistant", ?)?"\w+"|"choices": ?\[\{"text"): ?"(?P<text>(?:[^"\\]|\\.)*)"'
)
#: What OpenAI pads chunks with, so that their size does not tell that of their text.
_PADDING = b'"obfuscation":"'
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
        self._kept = Kept(KEPT)
        self._head: dict[str, Any] = {}
        self._usage: Usage | None = None
        self._reasons: list[str] = []
        self._tools: list[str] = []
        self._one_choice = body.get("n") in (None, 1)
        self.quiet: Quiet | None = None

    def event(self, raw: bytes) -> bytes:
        """Take in one event; returns it as the app is to see it."""
        self._kept.add(raw)
        if raw.startswith((b"data: [DONE]", b"data:[DONE]")):
            self.final = True
        elif _tells(raw):
            found = payload(raw)
            if found is not None and self._note(found) and self.edits and not any(mark in raw for mark in _UNASKED):
                return b""
        elif self._one_choice and len(self._kept.events) > 1:  # the first names the role, which no other does
            self._learn(raw)
        return self._edited(raw) if self.edits else raw

    @staticmethod
    def _edited(raw: bytes) -> bytes:
        if b'"usage"' in raw and (b'"system_fingerprint"' in raw or b'"service_tier"' in raw):
            return _without_null_usage(raw)
        return raw

    def _learn(self, raw: bytes) -> None:
        """Remember how a chunk looks that holds nothing but text: most of a stream look alike."""
        found = _TEXT.search(raw, max(0, raw.find(b'"choices"')))  # what stands before is half of the chunk
        if found is None:
            return
        begin, stop = found.span("text")
        padding = raw.find(_PADDING, stop)
        cut = padding + len(_PADDING) if padding >= 0 else raw.rfind(b'"') + 1
        close = raw.find(b'"', cut) if padding >= 0 else cut
        behind, end, shown = raw[stop:cut], raw[close:], None
        if self.edits and (edited := self._edited(raw)) is not raw:
            shown = (_without_null_usage(behind), end) if padding >= 0 else (_without_null_usage(behind + end), b"")
            if raw[:stop] + shown[0] + raw[cut:close] + shown[1] != edited:
                return
        self.quiet = Quiet(raw[:begin], behind, end, shown, self._kept)

    def _note(self, found: dict[str, Any]) -> bool:
        """Keep what a chunk says; returns whether it is the one that carries nothing but the usage."""
        for key in _HEAD:
            if found.get(key):
                self._head[key] = found[key]
        if found.get("error"):
            self.error = ProviderError(found["error"], STREAM_ERROR)
        choices = found.get("choices")
        for choice in mappings(choices):
            if reason := text(choice.get("finish_reason")):
                self._reasons.append(reason)
            for call in mappings(mapping(choice.get("delta")).get("tool_calls")):
                if name := text(mapping(call.get("function")).get("name")):
                    self._tools.append(name)
        if told := found.get("usage") or mapping(found.get("x_groq")).get("usage") or found.get("timings"):
            self._usage = read_usage(told)
        self.final = choices == [] and self._usage is not None
        return choices == [] and found.get("usage") is not None

    def answer(self) -> Answer:
        """What a complete stream said; its usage is estimated from its text if it told none."""
        usage = self._usage or estimated(self._body, self._seen(), 0.0, given_up=False)
        return self._known(usage, self._instead)

    def _instead(self) -> Usage | None:
        return estimated(self._body, self._seen(), 0.0, given_up=False) if one_pass("chat", self._body) else None

    def partial(self, elapsed: float) -> Answer:
        """What a stream said that was given up."""
        usage = self._usage if self._reasons else None
        return self._known(usage or estimated(self._body, self._seen(), elapsed, given_up=True))

    def _known(self, usage: Usage, instead: Callable[[], Usage | None] | None = None) -> Answer:
        """With what the chunks say of the answer: all of it is in those that were read, or else in the first."""
        if len(self._head) < len(_HEAD):
            first = next((found for event in self._kept.events if (found := payload(event))), {})
            self._head = {key: value for key in _HEAD if (value := first.get(key))} | self._head
        model, tier = text(self._head.get("model")), text(self._head.get("service_tier"))
        if not usage.estimated:
            usage = with_search(usage, model)
        return Answer(usage, model, tier, self._attributes(), None, instead)

    def _seen(self) -> int:
        """Output tokens that were seen."""
        documents = [found for event in self._kept.events if (found := payload(event))]
        family = tokenizer(next((found["model"] for found in documents if found.get("model")), None))
        pieces = [piece for found in documents for piece in _deltas(found)]
        return family.billed(family.written(pieces), len(self._tools), whole=bool(self._reasons))

    def _attributes(self) -> dict[str, Any]:
        attributes = finish(self._reasons, self._tools)
        for key, name in _HEAD.items():
            if name is not None and (value := text(self._head.get(key))):
                attributes[name] = value
        if wants_json(self._body) and self._reasons and not self._tools:
            said = "".join(t for e in self._kept.events if (found := payload(e)) for t in _deltas(found))
            attributes[names.SPANLEDGER_RESPONSE_SCHEMA_VALID] = valid_json(said)
        if self._capture:
            attributes |= content.streamed(found for event in self._kept.events if (found := payload(event)))
        return attributes


#: What chunks say of the answer as a whole, and the attributes that become of it.
_HEAD = {
    "id": names.GEN_AI_RESPONSE_ID,
    "model": None,
    "system_fingerprint": names.OPENAI_RESPONSE_SYSTEM_FINGERPRINT,
    "service_tier": names.OPENAI_RESPONSE_SERVICE_TIER,
}


def _deltas(found: Mapping[str, Any]) -> list[str]:
    """The text that a chunk adds: content, reasoning, refusals, arguments of tools; or a legacy completion's text."""
    return [piece for choice in mappings(found.get("choices")) for piece in written(choice) if piece]
