"""How requests and answers are read, dialect by dialect: with the readers of the SDK adapters where there are such."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from spanledger.bound import Bound
from spanledger.messages import Request
from spanledger.semconv import names
from spanledger.stream import BodyReader, BodyTap, Ends, EventTap, Tap
from spanledger_instrumentation.anthropic import content as anthropic_content
from spanledger_instrumentation.anthropic import request as anthropic
from spanledger_instrumentation.anthropic.answer import PlainReader as AnthropicReader
from spanledger_instrumentation.anthropic.bound import bound as anthropic_bound
from spanledger_instrumentation.anthropic.events import MessageEvents
from spanledger_instrumentation.anthropic.exchange import MessageExchange
from spanledger_instrumentation.clients.limits import RateLimits
from spanledger_instrumentation.clients.whom import Whom
from spanledger_instrumentation.dialects import DIALECTS, Dialect, PlainReader, StreamReader
from spanledger_instrumentation.dialects.bound import bound as dialect_bound
from spanledger_instrumentation.openai import bound as openai_bound
from spanledger_instrumentation.openai import content as openai_content
from spanledger_instrumentation.openai import request as openai
from spanledger_instrumentation.openai.answer import PlainReader as OpenAIReader
from spanledger_instrumentation.openai.events import ChatEvents
from spanledger_instrumentation.openai.exchange import OpenAIExchange
from spanledger_instrumentation.openai.response_events import ResponseEvents
from spanledger_instrumentation.wire.recognise import Asked

_EVENTS = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Head:
    """The head of an answer, with the names of its headers in small letters."""

    status: int
    headers: Mapping[str, str]

    @property
    def kind(self) -> str:
        """The content type."""
        return self.headers.get("content-type", "").lower()

    @property
    def raw(self) -> Iterable[tuple[bytes, bytes]]:
        """The headers as httpx has them."""
        return ((name.encode(), value.encode()) for name, value in self.headers.items())


@dataclass(frozen=True, slots=True)
class Reading(ABC):
    """Reads one call. `capture`: prompts and answers go onto the span."""

    asked: Asked
    capture: bool

    #: How the provider spells its rate limits.
    limits: ClassVar[RateLimits | None] = None

    @property
    def takes_usage_option(self) -> bool:
        """Whether the answer is a stream that tells its usage only if asked."""
        return False

    @abstractmethod
    def request(self) -> Request:
        """The facts of the request."""

    @abstractmethod
    def bound(self, size: int | None) -> Bound:
        """The worst case of the request, whose body has so many bytes."""

    @property
    def cap_field(self) -> str | None:
        """The field of the body that caps the output, None where it is not at the top."""
        return None

    @abstractmethod
    def plain(self, head: Head | None = None) -> BodyReader:
        """A reader of the whole answer."""

    @abstractmethod
    def tap(self, call: Ends, head: Head, *, usage_asked: bool) -> Tap:
        """What is put into the body of the answer. `usage_asked`: it was we who asked for usage."""

    @property
    def _body(self) -> dict[str, Any]:
        """The body of the request with the model that it is about, wherever that was named."""
        return {**self.asked.body, "model": self.asked.model}

    @property
    def _whom(self) -> Whom:
        return Whom(self.asked.provider, self.asked.host, self.asked.port, self.asked.key)


class OpenAI(Reading):
    """Chat, legacy completions, embeddings and responses."""

    limits: ClassVar[RateLimits | None] = OpenAIExchange.limits

    @property
    def _api(self) -> Literal["chat", "completions", "embeddings", "responses"]:
        api = self.asked.route.dialect
        assert api in ("chat", "completions", "embeddings", "responses")
        return api

    @property
    def takes_usage_option(self) -> bool:
        """Chat and completions that are streamed."""
        return self.asked.stream and self._api in ("chat", "completions")

    def request(self) -> Request:
        """As the client's own adapter has it."""
        found = openai.Endpoint(self._api, self.asked.route.operation)
        made = openai.request(found, self._body, self._whom, stream=self.asked.stream)
        if self.capture:
            return replace(made, attributes={**made.attributes, **openai_content.asked(self.asked.body)})
        return made

    def bound(self, size: int | None) -> Bound:
        """As the client's own adapter has it."""
        return openai_bound.bound(self._api, self.asked.body, size if self.asked.body else None)

    @property
    def cap_field(self) -> str | None:
        """As the client's own adapter has it."""
        return openai_bound.cap_field(self._api, self.asked.provider, self.asked.body)

    def plain(self, head: Head | None = None) -> BodyReader:  # noqa: ARG002  its headers tell nothing
        """As the client's own adapter has it."""
        return OpenAIReader(self._api, self.asked.body, capture=self.capture)

    def tap(self, call: Ends, head: Head, *, usage_asked: bool) -> Tap:
        """Events where the answer has such."""
        if _EVENTS not in head.kind:
            return BodyTap(call, self.plain(head))
        if self._api == "responses":
            return EventTap(call, ResponseEvents(self.asked.body, capture=self.capture))
        return EventTap(call, ChatEvents(self.asked.body, usage_asked, capture=self.capture))


class Anthropic(Reading):
    """The Messages API, as Anthropic and Vertex serve it."""

    limits: ClassVar[RateLimits | None] = MessageExchange.limits

    def request(self) -> Request:
        """As the client's own adapter has it."""
        found = anthropic.Endpoint("messages")
        made = anthropic.request(found, self._body, self._whom, stream=self.asked.stream)
        if self.capture:
            return replace(made, attributes={**made.attributes, **anthropic_content.asked(self.asked.body)})
        return made

    def bound(self, size: int | None) -> Bound:
        """As the client's own adapter has it."""
        return anthropic_bound(self.asked.body, size if self.asked.body else None)

    def plain(self, head: Head | None = None) -> BodyReader:  # noqa: ARG002  its headers tell nothing
        """As the client's own adapter has it."""
        return AnthropicReader(self.asked.body, capture=self.capture)

    def tap(self, call: Ends, head: Head, *, usage_asked: bool) -> Tap:  # noqa: ARG002  usage is always told
        """Events where the answer has such."""
        if _EVENTS in head.kind:
            return EventTap(call, MessageEvents(self.asked.body, capture=self.capture))
        return BodyTap(call, self.plain(head))


class Other(Reading):
    """The rest: Gemini, Bedrock, Cohere, Ollama and servers of one's own."""

    @property
    def _dialect(self) -> Dialect:
        return DIALECTS[self.asked.route.dialect]

    def request(self) -> Request:
        """Model and cap."""
        asked = self.asked
        operation = asked.route.operation
        if asked.route.dialect == "bedrock.invoke" and "embed" in (asked.model or ""):
            operation = "embeddings"
        cap = self._dialect.asked(asked.body).get("max_tokens")
        attributes = {names.GEN_AI_REQUEST_MAX_TOKENS: cap} if type(cap) is int else {}
        return Request(
            operation,
            asked.provider,
            asked.model,
            asked.host,
            asked.port,
            asked.stream,
            key=asked.key,
            attributes=attributes,
        )

    def bound(self, size: int | None) -> Bound:
        """By the fields that the dialects have for what is not text."""
        return dialect_bound(self._dialect, self.asked.route.operation, self.asked.body, size)

    def plain(self, head: Head | None = None) -> BodyReader:
        """Some tell tokens in the headers."""
        return PlainReader(self._dialect, self.asked.body, head.headers if head else None)

    def tap(self, call: Ends, head: Head, *, usage_asked: bool) -> Tap:  # noqa: ARG002  usage is always told
        """The reader cuts streams itself, each as its provider frames it."""
        if self.asked.stream:
            return PieceTap(call, StreamReader(self._dialect, self.asked.body, head.headers))
        return BodyTap(call, self.plain(head))


class PieceTap(EventTap):
    """Shows a reader every piece as it comes."""

    def _events(self, data: bytes) -> bytes:
        return self._reader.event(data)


def reading(asked: Asked, *, capture: bool) -> Reading:
    """How a call is read."""
    dialect = asked.route.dialect
    if dialect in DIALECTS:
        return Other(asked, capture)
    return Anthropic(asked, capture) if dialect == "anthropic" else OpenAI(asked, capture)
