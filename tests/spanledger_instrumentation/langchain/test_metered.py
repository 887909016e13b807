"""With the OpenAI client metered, tokens stand on exactly one span of each call, in its place in the structure."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Coroutine, Iterator
from typing import Any

import openai
import pytest
from langchain.agents import create_agent
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from pydantic import BaseModel, SecretStr
from tests.spanledger_instrumentation.langchain.structure import Ways, collected
from tests.support.asking import EMBED, MODEL, USAGE
from tests.support.telemetry import Telemetry

from provider import Provider
from spanledger.semconv import names
from spanledger_instrumentation.langchain import LangChainAdapter

TEXT = f"{USAGE} Hello"


@pytest.fixture
def both(metered: Telemetry) -> Iterator[Telemetry]:
    """The OpenAI client metered, and LangChain's structure."""
    adapter = LangChainAdapter(metered.calls, provider=metered.provider)
    adapter.install()
    yield metered
    adapter.uninstall()
    assert len(adapter.runs) == 0
    assert len(metered.runtime.lineage) == 0, "a span was started and has not ended"


@pytest.fixture
def model(provider: Provider, key: str) -> Iterator[ChatOpenAI]:
    """A model that asks the simulated provider."""
    with openai.DefaultHttpxClient() as client:  # langchain-openai shares one between models otherwise
        yield ChatOpenAI(
            model=MODEL,
            base_url=provider.base_url,
            api_key=SecretStr(key),
            max_retries=0,
            http_client=client,
            http_async_client=openai.DefaultAsyncHttpxClient(),
        )


class City(BaseModel):
    """A city."""

    name: str


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def _outline(telemetry: Telemetry) -> str:
    """The names of all spans, by depth and in the order in which they began."""
    spans = sorted(telemetry.spans, key=lambda span: span.start_time or 0)
    depth: dict[int, int] = {}
    lines = []
    for span in spans:
        assert span.context is not None
        depth[span.context.span_id] = depth[span.parent.span_id] + 1 if span.parent else 0
        lines.append("  " * depth[span.context.span_id] + span.name)
    return "\n".join(lines)


def _agrees_with_the_bill(telemetry: Telemetry, provider: Provider, key: str) -> None:
    """Metered spans have the tokens of the bill; other spans have none, and no request or response either."""
    bill: Any = provider.bill(key)
    used = {"input_tokens": 0, "output_tokens": 0}
    for span in telemetry.spans:
        attributes: dict[str, Any] = dict(span.attributes or {})
        if names.SPANLEDGER_CALL_ID in attributes:
            used["input_tokens"] += attributes[names.GEN_AI_USAGE_INPUT_TOKENS]
            used["output_tokens"] += attributes.get(names.GEN_AI_USAGE_OUTPUT_TOKENS, 0)
        else:
            assert not [key for key in attributes if key.startswith(("gen_ai.usage", "gen_ai.re", "gen_ai.provider"))]
    assert len(telemetry.metered) == bill["requests"]
    assert used == {key: bill[key] for key in used}


async def _closing(model: ChatOpenAI, coroutine: Coroutine[Any, Any, Any]) -> None:
    await coroutine
    await model.root_async_client.close()


WHAT = {"text": TEXT}
CHAIN_WAYS: Ways = {
    "invoke": lambda chain: chain.invoke(WHAT),
    "ainvoke": lambda chain: chain.ainvoke(WHAT),
    "stream": lambda chain: list(chain.stream(WHAT)),
    "astream": lambda chain: collected(chain.astream(WHAT)),
    "batch": lambda chain: chain.batch([WHAT]),
    "abatch": lambda chain: chain.abatch([WHAT]),
    "astream_events": lambda chain: collected(chain.astream_events(WHAT)),
}


@pytest.mark.parametrize("responses", [False, True])
@pytest.mark.parametrize("way", CHAIN_WAYS)
def test_a_chain_around_a_model(
    both: Telemetry, model: ChatOpenAI, provider: Provider, key: str, way: str, responses: bool
) -> None:
    model.use_responses_api = responses
    result = CHAIN_WAYS[way](ChatPromptTemplate.from_template("{text}") | model)
    if inspect.iscoroutine(result):
        asyncio.run(_closing(model, result))
    assert _outline(both) == f"chain\n  chat {MODEL}"
    _agrees_with_the_bill(both, provider, key)


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_structured_output(both: Telemetry, model: ChatOpenAI, provider: Provider, key: str, method: Any) -> None:
    chain = model.with_structured_output(City, method=method)
    assert isinstance(chain.invoke("Which city?"), City)
    assert _outline(both) == f"chain\n  chat {MODEL}"
    _agrees_with_the_bill(both, provider, key)


def test_an_agent_with_a_tool(both: Telemetry, model: ChatOpenAI, provider: Provider, key: str) -> None:
    agent: Any = create_agent(model, [add], name="math", checkpointer=InMemorySaver())
    agent.invoke({"messages": [("user", "Please add 1 and 2.")]}, {"configurable": {"thread_id": "t1"}})
    assert _outline(both).splitlines() == [
        "invoke_agent math",
        "  model",
        f"    chat {MODEL}",
        "  tools",
        "    execute_tool add",
        "  model",
        f"    chat {MODEL}",
    ]
    for span in both.metered:
        attributes = span.attributes or {}
        assert attributes[names.GEN_AI_AGENT_NAME] == "math"
        assert attributes[names.GEN_AI_CONVERSATION_ID] == "t1"
        assert attributes[names.SPANLEDGER_STAGE] == "math"
    _agrees_with_the_bill(both, provider, key)


@pytest.mark.parametrize("mode", ["values", "messages"])
def test_a_node_of_a_graph(both: Telemetry, model: ChatOpenAI, provider: Provider, key: str, mode: Any) -> None:
    graph: Any = StateGraph(MessagesState)
    graph.add_node("write", lambda state: {"messages": [model.invoke(state["messages"])]}).add_edge(START, "write")
    list(graph.compile(name="flow").stream({"messages": [("user", TEXT)]}, stream_mode=mode))
    assert _outline(both) == f"invoke_workflow flow\n  write\n    chat {MODEL}"
    _agrees_with_the_bill(both, provider, key)


def test_embeddings_are_below_the_step_that_asked_for_them(both: Telemetry, provider: Provider, key: str) -> None:
    embeddings = OpenAIEmbeddings(
        model=EMBED, base_url=provider.base_url, api_key=SecretStr(key), check_embedding_ctx_length=False
    )
    RunnableLambda(embeddings.embed_query, name="embed").invoke("hello")
    assert _outline(both) == f"embed\n  embeddings {EMBED}"
    _agrees_with_the_bill(both, provider, key)


def test_a_stream_that_is_left_ends_call_and_chain(both: Telemetry, model: ChatOpenAI) -> None:
    chain = ChatPromptTemplate.from_template("{text}") | model
    for _ in chain.stream(WHAT):
        break
    assert _outline(both) == f"chain\n  chat {MODEL}"
