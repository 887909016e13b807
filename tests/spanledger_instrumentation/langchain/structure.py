"""What the tests of LangChain share: span trees as values, and stand-ins for models that call a provider."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.trace import SpanKind, StatusCode
from tests.support.telemetry import BOOK

from spanledger import scope
from spanledger.call import Calls
from spanledger.config import Settings
from spanledger.lineage import Lineage
from spanledger.semconv import names
from spanledger_instrumentation.langchain import LangChainAdapter

#: Short names of attributes in `Seen`; any other attribute shows under its full name.
SHORT = {
    names.GEN_AI_OPERATION_NAME: "op",
    names.GEN_AI_AGENT_NAME: "agent",
    names.GEN_AI_WORKFLOW_NAME: "workflow",
    names.GEN_AI_CONVERSATION_ID: "conversation",
    names.GEN_AI_TOOL_NAME: "tool",
    names.GEN_AI_TOOL_TYPE: "tool_type",
    names.GEN_AI_TOOL_CALL_ID: "tool_call",
    names.GEN_AI_DATA_SOURCE_ID: "source",
    names.SPANLEDGER_NODE_NAME: "node",
    names.SPANLEDGER_STAGE: "stage",
    names.ERROR_TYPE: "error",
}


class Seen:
    """A span with all its attributes and what is below it, in the order in which it began."""

    def __init__(self, name: str, *below: Seen, **attributes: Any) -> None:
        self.name = name
        self.below = list(below)
        self.attributes = attributes

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Seen) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        own = ", ".join([repr(self.name), *(f"{key}={value!r}" for key, value in sorted(self.attributes.items()))])
        return f"Seen({own})" + "".join("\n" + _indented(repr(child)) for child in self.below)

    def outline(self) -> str:
        """Only the names, one a line, indented by depth."""
        return "\n".join([self.name, *(_indented(child.outline()) for child in self.below)])


def _indented(text: str) -> str:
    return "\n".join("  " + line for line in text.splitlines())


class Watch(SpanProcessor):
    """Keeps every span, in the order in which they began."""

    def __init__(self) -> None:
        self.began: list[Span] = []
        self.ended: list[ReadableSpan] = []

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        self.began.append(span)

    def on_end(self, span: ReadableSpan) -> None:
        self.ended.append(span)


def unmetered(provider: trace.TracerProvider | None = None) -> LangChainAdapter:
    """An adapter of a runtime without budgets."""
    return LangChainAdapter(Calls(Settings(), BOOK, Lineage(), provider=provider), provider=provider)


@dataclass
class Traced:
    """An installed adapter and the spans that it made."""

    adapter: LangChainAdapter
    provider: TracerProvider
    watch: Watch

    @property
    def tracer(self) -> trace.Tracer:
        """A tracer of the app."""
        return self.provider.get_tracer("app")

    def call(self, model: str = "m") -> dict[str, Any]:
        """Stands in for a metered call: a span in the current context, with the scope that pays.

        What it returns is a state update that changes nothing.
        """
        self.tracer.start_span(f"chat {model}", attributes=dict(scope.current().attributes())).end()
        return {}

    @property
    def open(self) -> int:
        """How many runs are open."""
        return len(self.adapter.runs)

    def trees(self) -> list[Seen]:
        """The trees of all spans; a status or kind that does not go with the attributes shows."""
        seen = {span.get_span_context().span_id: _seen(span) for span in self.watch.began}
        roots: list[Seen] = []
        for span in self.watch.began:
            above = seen.get(span.parent.span_id) if span.parent else None
            (roots if above is None else above.below).append(seen[span.get_span_context().span_id])
        return roots

    @property
    def tree(self) -> Seen:
        """The only tree."""
        (root,) = self.trees()
        return root

    def outline(self) -> str:
        """The names of all spans."""
        return "\n".join(root.outline() for root in self.trees())

    def model(self, *answers: str | AIMessage) -> Model:
        """A chat model that gives these answers, one after the other, then `done` for ever."""
        given = [AIMessage(answer) if isinstance(answer, str) else answer for answer in answers]
        return Model(answers=deque(given), call=self.call)


#: Ways to run something, by name.
Ways = dict[str, Callable[[Any], Any]]


async def collected(stream: AsyncIterator[Any]) -> list[Any]:
    """Everything that an async stream yields."""
    return [chunk async for chunk in stream]


def _seen(span: Span) -> Seen:
    attributes: dict[str, Any] = {SHORT.get(key, key): value for key, value in (span.attributes or {}).items()}
    failed = span.status.status_code is StatusCode.ERROR
    if failed != ("error" in attributes) or span.status.description or span.events:
        attributes["status"] = (span.status.status_code.name, span.status.description, span.events)
    if span.kind is not SpanKind.INTERNAL:
        attributes["kind"] = span.kind.name
    if span.end_time is None:
        attributes["ended"] = False
    return Seen(span.name, **attributes)


class Model(BaseChatModel):
    """A chat model whose client makes a metered call before it answers, or before the first chunk."""

    answers: deque[AIMessage]
    call: Callable[[], Any]

    @property
    def _llm_type(self) -> str:
        return "stand-in"

    def _answer(self) -> AIMessage:
        try:
            return self.answers.popleft()
        except IndexError:
            return AIMessage("done")

    def _generate(self, *args: Any, **kwargs: Any) -> ChatResult:
        self.call()
        return ChatResult(generations=[ChatGeneration(message=self._answer())])

    async def _agenerate(self, *args: Any, **kwargs: Any) -> ChatResult:
        return self._generate(*args, **kwargs)

    def _stream(self, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        self.call()
        answer = self._answer()
        yield ChatGenerationChunk(message=AIMessageChunk(content="", tool_calls=answer.tool_calls))
        for word in str(answer.content).split(" "):
            yield ChatGenerationChunk(message=AIMessageChunk(content=word))

    async def _astream(self, *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in self._stream(*args, **kwargs):
            await asyncio.sleep(0)
            yield chunk

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self
