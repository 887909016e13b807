"""Every async run ends exactly once: cancelled, timed out, abandoned, or left to the garbage collector."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.callbacks import AsyncCallbackHandler, AsyncCallbackManager, CallbackManager
from langchain_core.documents import Document
from langchain_core.messages import AIMessage
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda, RunnableParallel
from langchain_core.tools import tool
from langgraph.graph import START, MessagesState, StateGraph
from tests.spanledger_instrumentation.langchain.structure import Seen, Traced, collected

CANCELLED = "asyncio.exceptions.CancelledError"
EMPTY: Any = {"messages": []}


async def _forever(_: Any = None) -> Any:
    await asyncio.Event().wait()


async def _node(state: MessagesState) -> Any:
    await _forever(state)


async def _cancelled(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Run the coroutine until it waits, then cancel it."""
    task = asyncio.create_task(coroutine)
    for _ in range(200):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


WAIT = RunnableLambda(_forever, name="wait")
WAYS: dict[str, Callable[[Any, Any], Coroutine[Any, Any, Any]]] = {
    "ainvoke": lambda runnable, given: runnable.ainvoke(given),
    "astream": lambda runnable, given: collected(runnable.astream(given)),
    "abatch": lambda runnable, given: runnable.abatch([given]),
    "astream_events": lambda runnable, given: collected(runnable.astream_events(given)),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_cancelled_chain_has_failed_by_its_cancellation(traced: Traced, way: str) -> None:
    chain = RunnableLambda(lambda x: x, name="before") | WAIT
    asyncio.run(_cancelled(WAYS[way](chain, "x")))
    assert traced.tree == Seen(
        "chain", Seen("before", node="before"), Seen("wait", node="wait", error=CANCELLED), error=CANCELLED
    )


def test_all_branches_of_a_cancelled_map_have_ended(traced: Traced) -> None:
    asyncio.run(_cancelled(RunnableParallel(a=WAIT, b=WAIT | WAIT).ainvoke("x")))
    assert traced.tree == Seen("chain", *[Seen("wait", node="wait", error=CANCELLED)] * 2, error=CANCELLED)


@pytest.mark.parametrize("way", WAYS)
def test_a_cancelled_graph_has_failed_by_its_cancellation(traced: Traced, way: str) -> None:
    graph = StateGraph(MessagesState).add_node("wait", _node).add_edge(START, "wait").compile(name="flow")
    asyncio.run(_cancelled(WAYS[way](graph, EMPTY)))
    assert traced.tree == Seen(
        "invoke_workflow flow",
        Seen("wait", node="wait", error=CANCELLED),
        op="invoke_workflow",
        workflow="flow",
        error=CANCELLED,
    )


@pytest.mark.parametrize("way", ["ainvoke", "astream"])
def test_a_tool_of_a_cancelled_agent_has_ended(traced: Traced, way: str) -> None:
    @tool
    async def wait(what: str) -> str:
        """Wait."""
        return str(await _forever(what))

    asks = AIMessage("", tool_calls=[{"name": "wait", "args": {"what": "x"}, "id": "c1"}])
    agent = create_agent(traced.model(asks), [wait], name="patient")
    asyncio.run(_cancelled(WAYS[way](agent, {"messages": [("user", "hi")]})))
    tools = traced.tree.below[1]
    assert [traced.tree.attributes["error"], tools.attributes["error"]] == [CANCELLED, CANCELLED]
    assert tools.below[0].attributes["error"] == CANCELLED


def test_a_cancelled_retriever_has_ended_when_the_cancellation_arrives(traced: Traced) -> None:
    class Slow(BaseRetriever):
        def _get_relevant_documents(self, query: str, **_: Any) -> list[Document]:
            return [Document(query)]

        async def _aget_relevant_documents(self, query: str, **_: Any) -> list[Document]:
            return [await _forever(query)]

    async def run() -> None:
        await _cancelled(Slow().ainvoke("x"))
        assert traced.open == 0
        await _cancelled((Slow() | WAIT).ainvoke("x"))
        assert traced.open == 0

    asyncio.run(run())
    slow = Seen("retrieval Slow", op="retrieval", error=CANCELLED)
    assert traced.trees() == [slow, Seen("chain", slow, error=CANCELLED)]


class Ensemble(BaseRetriever):
    """Replaces `invoke` altogether, as LangChain's EnsembleRetriever does."""

    inner: BaseRetriever | None = None

    def _get_relevant_documents(self, query: str, **_: Any) -> list[Document]:
        return [Document(query)]

    def invoke(self, input: str, config: Any = None, **_: Any) -> list[Document]:  # noqa: A002
        manager = CallbackManager.configure((config or {}).get("callbacks")).on_retriever_start({}, input, name="all")
        if self.inner is None:
            raise SystemExit
        documents = self.inner.invoke(input, {"callbacks": manager.get_child()})
        manager.on_retriever_end(documents)
        return documents

    async def ainvoke(self, input: str, config: Any = None, **_: Any) -> list[Document]:  # noqa: A002
        callbacks = (config or {}).get("callbacks")
        await AsyncCallbackManager.configure(callbacks).on_retriever_start({}, input, name="all")
        return [await _forever()]


def test_a_retriever_that_replaces_invoke_ends_with_the_next_event_at_the_latest(traced: Traced) -> None:
    asyncio.run(_cancelled(Ensemble().ainvoke("x")))
    with pytest.raises(SystemExit):
        Ensemble().invoke("x")
    assert Ensemble(inner=Ensemble(inner=Seeks())).invoke("x") == [Document("x")]
    gc.collect()
    traced.adapter.runs.reap()
    one = Seen("retrieval all", op="retrieval")
    nested = Seen("retrieval all", Seen("retrieval all", Seen("retrieval Seeks", op="retrieval"), op="retrieval"))
    nested.attributes = one.attributes
    assert traced.trees() == [one, one, nested]


class Seeks(BaseRetriever):
    """Finds what it is asked for."""

    def _get_relevant_documents(self, query: str, **_: Any) -> list[Document]:
        return [Document(query)]


def test_a_timeout_is_a_cancellation(traced: Traced) -> None:
    async def run() -> None:
        async with asyncio.timeout(None) as limit:

            async def late(_: Any) -> None:
                limit.reschedule(0)
                await _forever()

            await RunnableLambda(late, name="wait").ainvoke("x")

    with pytest.raises(TimeoutError):
        asyncio.run(run())
    assert traced.tree == Seen("wait", node="wait", error=CANCELLED)


class SlowHandler(AsyncCallbackHandler):
    """A handler of the app that takes its time as a run starts."""

    async def on_chain_start(self, *args: Any, **kwargs: Any) -> None:
        await _forever()

    async def on_tool_start(self, *args: Any, **kwargs: Any) -> None:
        await _forever()

    async def on_retriever_start(self, *args: Any, **kwargs: Any) -> None:
        await _forever()


@tool
async def nothing(what: str) -> str:
    """Nothing."""
    return what


@pytest.mark.parametrize(("runnable", "given"), [(WAIT, "x"), (nothing, {"what": "x"})])
def test_a_cancellation_between_the_handlers_of_a_start_ends_the_run(traced: Traced, runnable: Any, given: Any) -> None:
    asyncio.run(_cancelled(runnable.ainvoke(given, {"callbacks": [SlowHandler()]})))
    assert traced.tree.attributes["error"] == CANCELLED


@pytest.mark.parametrize("close", [True, False])
def test_an_async_stream_that_is_left_ends_its_spans(traced: Traced, close: bool) -> None:
    chain: Any = RunnableLambda(lambda x: x, name="first") | traced.model("one two three")

    async def run() -> None:
        stream = chain.astream("x")
        async for _ in stream:
            break
        if close:
            await stream.aclose()

    asyncio.run(run())
    assert traced.open == 0
    assert traced.tree == Seen("chain", Seen("first", node="first"), Seen("chat m"))


def test_an_async_graph_stream_that_is_left_ends_its_spans(traced: Traced) -> None:
    graph = StateGraph(MessagesState).add_node("a", lambda _: traced.call()).add_node("b", _node)
    graph.add_edge(START, "a").add_edge("a", "b")

    async def run() -> None:
        async for _ in graph.compile(name="flow").astream(EMPTY, stream_mode="updates"):
            break

    asyncio.run(run())
    assert traced.tree.name == "invoke_workflow flow"
    assert "error" not in traced.tree.attributes


def test_a_run_that_nobody_can_end_any_more_ends_with_the_next_event(traced: Traced) -> None:
    """An async generator of a loop that is closed is dropped where nothing can be awaited."""
    chain: Any = RunnableLambda(lambda x: x, name="first") | traced.model("one two three")
    loop = asyncio.new_event_loop()
    stream = chain.astream("x")
    loop.run_until_complete(anext(stream))
    loop.close()
    assert traced.open > 0
    del stream
    gc.collect()
    RunnableLambda(lambda x: x, name="next").invoke("x")
    assert traced.open == 0
    assert traced.trees() == [
        Seen("chain", Seen("first", node="first"), Seen("chat m")),
        Seen("next", node="next"),
    ]
