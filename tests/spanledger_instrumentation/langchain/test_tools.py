"""Tools and retrievers are spans, and what they call hangs below them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import BaseTool, StructuredTool, ToolException, create_retriever_tool, tool
from opentelemetry import context
from tests.spanledger_instrumentation.langchain.structure import Seen, Traced, Ways, collected

CALL: Any = {"type": "tool_call", "name": "search", "args": {"query": "x"}, "id": "call_1"}


class Search(BaseRetriever):
    """Embeds the query by a metered call, and again in a thread where it has no async way."""

    traced: Any

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        self.traced.call("embed")
        return [Document(query)]


class AsyncSearch(Search):
    """Has an async way of its own."""

    async def _aget_relevant_documents(self, query: str, **_: Any) -> list[Document]:
        await asyncio.sleep(0)
        self.traced.call("embed")
        return [Document(query)]


class Rewrite(BaseRetriever):
    """Asks a model first, through the run manager, as MultiQueryRetriever does."""

    chain: Any
    inner: BaseRetriever

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        config: Any = {"callbacks": run_manager.get_child()}
        return self.inner.invoke(str(self.chain.invoke(query, config)), config)


def _tool_span(*below: Seen, **more: Any) -> Seen:
    return Seen("execute_tool search", *below, op="execute_tool", tool="search", tool_type="function", **more)


def _search(traced: Traced) -> BaseTool:
    def search(query: str) -> str:
        """Search."""
        traced.call()
        return query

    async def asearch(query: str) -> str:
        await asyncio.sleep(0)
        traced.call()
        return query

    return StructuredTool.from_function(search, asearch)


TOOL_WAYS: Ways = {
    "invoke": lambda tool: tool.invoke({"query": "x"}),
    "ainvoke": lambda tool: asyncio.run(tool.ainvoke({"query": "x"})),
    "run": lambda tool: tool.run({"query": "x"}),
    "stream": lambda tool: list(tool.stream({"query": "x"})),
    "batch": lambda tool: tool.batch([{"query": "x"}]),
}


@pytest.mark.parametrize("way", TOOL_WAYS)
def test_a_tool_is_a_span_around_what_it_calls(traced: Traced, way: str) -> None:
    TOOL_WAYS[way](_search(traced))
    assert traced.tree == _tool_span(Seen("chat m"))


def test_a_tool_call_has_its_id_and_the_conversation(traced: Traced) -> None:
    message = _search(traced).invoke(CALL, {"metadata": {"thread_id": "t1"}})
    assert message.tool_call_id == "call_1"
    assert traced.tree == _tool_span(Seen("chat m", conversation="t1"), tool_call="call_1", conversation="t1")


def test_a_tool_that_handles_its_error_did_not_fail(traced: Traced) -> None:
    @tool("search")
    def search(query: str) -> str:
        """Search."""
        raise ToolException(query)

    search.handle_tool_error = True
    assert search.invoke({"query": "x"}) == "x"
    assert traced.tree == _tool_span()


def test_a_chain_inside_a_tool(traced: Traced) -> None:
    step: Any = RunnableLambda(lambda _: traced.call(), name="step")

    @tool("search")
    def search(query: str) -> str:
        """Search."""
        (step | RunnableLambda(str)).invoke(query)
        return query

    search.invoke({"query": "x"})
    assert traced.tree == _tool_span(Seen("step", Seen("chat m", stage="step"), node="step"), Seen("str", node="str"))


RETRIEVER_WAYS: Ways = {
    "invoke": lambda search: search.invoke("x"),
    "ainvoke": lambda search: asyncio.run(search.ainvoke("x")),
    "stream": lambda search: list(search.stream("x")),
    "astream": lambda search: asyncio.run(collected(search.astream("x"))),
    "batch": lambda search: search.batch(["x"]),
    "abatch": lambda search: asyncio.run(search.abatch(["x"])),
}


@pytest.mark.parametrize("way", RETRIEVER_WAYS)
@pytest.mark.parametrize("kind", [Search, AsyncSearch])
def test_a_retriever_is_a_span_around_what_it_calls(traced: Traced, kind: type[Search], way: str) -> None:
    RETRIEVER_WAYS[way](kind(traced=traced))
    assert traced.tree == Seen(f"retrieval {kind.__name__}", Seen("chat embed"), op="retrieval")


@pytest.mark.parametrize("way", RETRIEVER_WAYS)
def test_a_retriever_in_a_chain_hangs_below_it_and_what_follows_does_not_hang_below_the_retriever(
    traced: Traced, way: str
) -> None:
    chain = Search(traced=traced) | RunnableLambda(str).with_config(run_name="join") | traced.model()
    RETRIEVER_WAYS[way](chain)
    assert traced.tree == Seen(
        "chain",
        Seen("retrieval Search", Seen("chat embed"), op="retrieval"),
        Seen("join", node="join"),
        Seen("chat m"),
    )


def test_a_retriever_that_asks_a_model_and_another_retriever(traced: Traced) -> None:
    rewrite: Any = RunnableLambda(lambda _: traced.call("rewrite"), name="rewrite")
    Rewrite(chain=rewrite, inner=Search(traced=traced)).invoke("x")
    assert traced.tree == Seen(
        "retrieval Rewrite",
        Seen("rewrite", Seen("chat rewrite", stage="rewrite"), node="rewrite"),
        Seen("retrieval Search", Seen("chat embed"), op="retrieval"),
        op="retrieval",
    )


def test_a_retriever_says_its_data_source_and_conversation(traced: Traced) -> None:
    config: Any = {"metadata": {"data_source_id": "courses", "thread_id": "t1"}, "run_name": "lookup"}
    Search(traced=traced).invoke("x", config)
    call = Seen("chat embed", conversation="t1")
    assert traced.tree == Seen("retrieval lookup", call, op="retrieval", source="courses", conversation="t1")


def test_a_retriever_as_a_tool(traced: Traced) -> None:
    create_retriever_tool(Search(traced=traced), "search", "Search.").invoke({"query": "x"})
    assert traced.tree == _tool_span(Seen("retrieval Search", Seen("chat embed"), op="retrieval"))


def test_the_context_of_the_caller_is_untouched_by_a_retriever(traced: Traced) -> None:
    before = context.get_current()
    Search(traced=traced).invoke("x")
    assert context.get_current() is before

    async def run() -> None:
        inside = context.get_current()
        await AsyncSearch(traced=traced).ainvoke("x")
        assert context.get_current() is inside

    asyncio.run(run())
