"""Two readers for the answers of any provider, whole and streamed, that are told by a `Dialect` how it words them.

They have the interfaces that `spanledger.stream` asks for. A dialect is data and three pure functions; what its `note`
has found is collected in a `Seen`, whether it came in one document or in a thousand.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from spanledger.messages import Answer
from spanledger.semconv import names
from spanledger.usage import Usage
from spanledger_instrumentation.clients.answers import ProviderError, finish
from spanledger_instrumentation.clients.estimates import estimated, texts
from spanledger_instrumentation.clients.framing import Cutter, Lines
from spanledger_instrumentation.clients.shapes import mapping, text
from spanledger_instrumentation.clients.tokens import tokenizer

#: Reasons to stop in the words of the conventions, by what providers call them, in small letters. Others stay.
_REASONS = {
    "complete": "stop", "end_turn": "stop", "finish": "stop", "finished": "stop", "stop_sequence": "stop",
    "eos": "stop", "eos_token": "stop", "endoftext": "stop",
    "max_tokens": "length", "limit": "length", "model_context_window_exceeded": "length",
    "tool_use": "tool_calls", "tool_call": "tool_calls",
    "safety": "content_filter", "recitation": "content_filter", "prohibited_content": "content_filter",
    "blocklist": "content_filter", "spii": "content_filter", "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter", "refusal": "content_filter",
}  # fmt: skip


@dataclass(slots=True)
class Seen:
    """What has been seen of an answer.

    `counts` are the provider's own, later ones over earlier ones. `finished` says that the model has come to an end,
    `complete` that nothing more will be told.
    """

    counts: dict[str, Any] = field(default_factory=dict)
    model: str | None = None
    id: str | None = None
    tier: str | None = None
    reasons: list[str] = field(default_factory=list)
    tools: list[str] = field(default_factory=list)
    written: int = 0
    finished: bool = False
    complete: bool = False
    error: BaseException | None = None

    def count(self, block: object) -> None:
        """Note a block of counts; what is null in it was not told."""
        self.counts.update((key, value) for key, value in mapping(block).items() if value is not None)

    def finish(self, reason: object) -> None:
        """Note why the model stopped."""
        if reason:
            self.finished = True
        if said := text(reason):
            self.reasons.append(_REASONS.get(said.lower(), said.lower()))

    def say(self, *said: object) -> None:
        """Note what the model wrote: text, or arguments of a tool."""
        self.written += tokenizer(self.model).written(texts(said))

    def call(self, tool: object) -> None:
        """Note the name of a tool that the model asks for."""
        if name := text(tool):
            self.tools.append(name)

    @property
    def tokens(self) -> int:
        """Output tokens by what was written."""
        family = tokenizer(self.model)
        return family.billed(self.written + family.written(self.tools), len(self.tools), whole=self.finished)

    def fail(self, reported: object, kind: object) -> None:
        """Note an error that came with a success of HTTP."""
        self.error = ProviderError(reported, str(kind)[:100])


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a provider words its answers, and the requests that estimates are made from.

    `note` reads a document (a whole answer or a streamed record) into a `Seen`; `usage` reads the counts that were
    collected, None where they are none; `asked` returns a request's prompt and its cap on output tokens in OpenAI's
    words, `{"prompt": …, "max_tokens": …}`. None of them raises, whatever the documents hold. `cutter` cuts streams.
    """

    note: Callable[[Seen, Mapping[str, Any]], None]
    usage: Callable[[Mapping[str, Any]], Usage | None]
    asked: Callable[[Mapping[str, Any]], dict[str, Any]]
    cutter: Callable[[], Cutter] = Lines


class _Reader:
    """What reading a whole answer and reading a stream have in common."""

    def __init__(self, dialect: Dialect, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
        self._dialect = dialect
        self._asked = dialect.asked(body)
        self._seen = Seen()
        self._seen.count({key.lower(): value for key, value in (headers or {}).items()})

    def _answer(self, usage: Usage | None) -> Answer:
        seen = self._seen
        attributes = finish(seen.reasons, seen.tools)
        if seen.id:
            attributes[names.GEN_AI_RESPONSE_ID] = seen.id
        return Answer(usage, seen.model, seen.tier, attributes, seen.error, self._estimated)

    def _estimated(self) -> Usage:
        return estimated(self._asked, self._seen.tokens, 0.0, given_up=False)

    def _complete(self) -> Answer:
        """Of an answer that has come to its end. Input that was not told is estimated: no prompt is empty."""
        seen = self._seen
        usage = self._dialect.usage(seen.counts)
        if usage is None and seen.error is None:
            usage = self._estimated()
        elif usage is not None and usage.total and not usage.input:
            prompt = estimated(self._asked, 0, 0.0, given_up=False).input
            usage = replace(usage, input=prompt, estimated=True) if prompt else usage
        return self._answer(usage)

    def partial(self, elapsed: float) -> Answer:
        """Of an answer given up: what its provider told, and at least what was written and under way."""
        known = self._dialect.usage(self._seen.counts)
        if known is not None and (self._seen.finished or self._seen.complete):
            return self._complete()
        guess = estimated(self._asked, self._seen.tokens, elapsed, given_up=True)
        if known is not None:
            output = max(known.output, guess.output)
            guess = replace(known, input=known.input or guess.input, output=output, estimated=True)
        return self._answer(guess)


class PlainReader(_Reader):
    """Reads an answer that comes as one body."""

    def whole(self, body: bytes) -> Answer:
        """Read a complete body; one that is no document may be a stream that was read at once."""
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            found = list(_cut(self._dialect.cutter(), body))
        for document in found if isinstance(found, list) else [found]:
            self._dialect.note(self._seen, mapping(document))
        return self._complete()


class StreamReader(_Reader):
    """Reads a streamed answer, in events or in any other pieces. What passes is not changed."""

    edits = False

    def __init__(self, dialect: Dialect, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
        super().__init__(dialect, body, headers)
        self._cutter = dialect.cutter()

    @property
    def final(self) -> bool:
        """Whether nothing more will be told."""
        return self._seen.complete

    @property
    def error(self) -> BaseException | None:
        """What the provider reported instead of the rest."""
        return self._seen.error

    def event(self, raw: bytes) -> bytes:
        """Take in the next bytes; they are passed on as they came."""
        for document in self._cutter.feed(raw):
            self._dialect.note(self._seen, document)
        return raw

    def answer(self) -> Answer:
        """Of a stream that has come to its end."""
        for document in self._cutter.rest():
            self._dialect.note(self._seen, document)
        return self._complete()


def _cut(cutter: Cutter, body: bytes) -> Iterator[dict[str, Any]]:
    yield from cutter.feed(body)
    yield from cutter.rest()
