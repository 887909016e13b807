"""Graphs are workflows and their nodes are stages, whichever way a graph is run."""

from __future__ import annotations

import asyncio
import operator
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.callbacks.manager import CallbackManager
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import entrypoint, task
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send
from tests.spanledger_instrumentation.langchain.structure import Seen, Traced, Ways, collected


class State(TypedDict, total=False):
    text: str
    parts: Annotated[list[str], operator.add]


def _line(traced: Traced, *nodes: str, **compiled: Any) -> Any:
    """A graph of nodes in a row, each of which asks a model."""
    graph = StateGraph(State)
    for above, node in zip((START, *nodes), nodes, strict=False):
        graph.add_node(node, _asks(traced))
        graph.add_edge(above, node)
    return graph.compile(**compiled)


def _asks(traced: Traced) -> Any:
    model = traced.model()
    return lambda state: {"text": model.invoke(state["text"]).content}


WAYS: Ways = {
    "invoke": lambda graph: graph.invoke({"text": "a"}),
    "ainvoke": lambda graph: asyncio.run(graph.ainvoke({"text": "a"})),
    "stream": lambda graph: list(graph.stream({"text": "a"})),
    "astream": lambda graph: asyncio.run(collected(graph.astream({"text": "a"}))),
    "messages": lambda graph: list(graph.stream({"text": "a"}, stream_mode=["messages", "updates"], subgraphs=True)),
    "amessages": lambda graph: asyncio.run(collected(graph.astream({"text": "a"}, stream_mode=["messages", "custom"]))),
    "astream_events": lambda graph: asyncio.run(collected(graph.astream_events({"text": "a"}))),
    "batch": lambda graph: graph.batch([{"text": "a"}]),
    "abatch": lambda graph: asyncio.run(graph.abatch([{"text": "a"}])),
}


@pytest.mark.parametrize("way", WAYS)
def test_nodes_hang_below_the_workflow_and_calls_below_their_node(traced: Traced, way: str) -> None:
    WAYS[way](_line(traced, "plan", "write", name="essay"))
    assert traced.tree == Seen(
        "invoke_workflow essay",
        Seen("plan", Seen("chat m", stage="plan", workflow="essay"), node="plan"),
        Seen("write", Seen("chat m", stage="write", workflow="essay"), node="write"),
        op="invoke_workflow",
        workflow="essay",
    )


def test_an_async_node_is_a_node(traced: Traced) -> None:
    model = traced.model()

    async def plan(state: State) -> State:
        return {"text": str((await model.ainvoke(state["text"])).content)}

    graph = StateGraph(State).add_node("plan", plan).add_edge(START, "plan").compile(name="essay")
    asyncio.run(graph.ainvoke({"text": "a"}))
    assert traced.outline() == "invoke_workflow essay\n  plan\n    chat m"


def test_an_unnamed_graph_has_no_workflow_name(traced: Traced) -> None:
    _line(traced, "plan").invoke({"text": "a"})
    plan = Seen("plan", Seen("chat m", stage="plan"), node="plan")
    assert traced.tree == Seen("invoke_workflow", plan, op="invoke_workflow")


@pytest.mark.parametrize(
    ("config", "name"),
    [({"run_name": "nightly"}, "nightly"), ({"metadata": {"workflow_name": "report"}}, "report")],
)
def test_a_config_can_name_the_workflow(traced: Traced, config: Any, name: str) -> None:
    _line(traced, "plan").invoke({"text": "a"}, config)
    plan = Seen("plan", Seen("chat m", stage="plan", workflow=name), node="plan")
    assert traced.tree == Seen(f"invoke_workflow {name}", plan, op="invoke_workflow", workflow=name)


def test_the_thread_is_the_conversation(traced: Traced) -> None:
    graph = _line(traced, "plan", checkpointer=InMemorySaver())
    for thread in ("t1", "t2"):
        graph.invoke({"text": "a"}, {"configurable": {"thread_id": thread}})
    for root, thread in zip(traced.trees(), ("t1", "t2"), strict=True):
        call = Seen("chat m", stage="plan", conversation=thread)
        plan = Seen("plan", call, node="plan", conversation=thread)
        assert root == Seen("invoke_workflow", plan, op="invoke_workflow", conversation=thread)


def test_a_graph_with_a_thread_of_its_own_is_another_conversation(traced: Traced) -> None:
    inner = _line(traced, "deep", name="inner", checkpointer=InMemorySaver())

    def outer(state: State) -> Any:
        traced.call("before")
        inner.invoke(state, {"configurable": {"thread_id": "t2"}})
        traced.call("after")
        return {}

    graph = StateGraph(State).add_node("outer", outer).add_edge(START, "outer").compile(name="all")
    graph.invoke({"text": "a"}, {"configurable": {"thread_id": "t1"}})
    ((node,),) = (root.below for root in traced.trees())
    assert [below.attributes["conversation"] for below in node.below] == ["t1", "t2", "t1"]
    assert node.below[1].below[0] == Seen(
        "deep",
        Seen("chat m", stage="deep", workflow="inner", conversation="t2"),
        node="deep",
        conversation="t2",
    )


def test_fan_out_makes_one_node_span_for_each_packet(traced: Traced) -> None:
    graph = StateGraph(State)
    graph.add_node("split", lambda _: {})
    graph.add_node("part", lambda state: {**traced.call(state["text"]), "parts": ["p"]})
    graph.add_edge(START, "split")
    graph.add_conditional_edges("split", lambda _: [Send("part", {"text": str(i)}) for i in range(3)], ["part"])
    assert len(graph.compile(name="map").invoke({"text": "a"})["parts"]) == 3
    parts = [Seen("part", Seen(f"chat {i}", stage="part", workflow="map"), node="part") for i in range(3)]
    tree = traced.tree
    assert tree.below[0] == Seen("split", node="split")
    assert sorted(map(repr, tree.below[1:])) == sorted(map(repr, parts))


def test_a_conditional_edge_is_part_of_the_node_that_it_leaves(traced: Traced) -> None:
    def again(state: State) -> str:
        traced.call("router")
        return "work" if len(state["parts"]) < 2 else END

    graph = StateGraph(State).add_node("work", lambda _: {"parts": ["p"]}).add_edge(START, "work")
    graph.add_conditional_edges("work", again)
    graph.compile(name="loop").invoke({"parts": []})
    assert traced.outline() == "invoke_workflow loop" + "\n  work\n    chat router" * 2


def test_a_subgraph_has_a_span_if_it_has_a_name(traced: Traced) -> None:
    graph = StateGraph(State)
    graph.add_node("first", _line(traced, "a", name="named")).add_node("second", _line(traced, "b"))
    graph.add_edge(START, "first").add_edge("first", "second")
    graph.compile(name="outer").invoke({"text": "a"})
    assert traced.tree == Seen(
        "invoke_workflow outer",
        Seen(
            "first",
            Seen(
                "invoke_workflow named",
                Seen("a", Seen("chat m", stage="a", workflow="named"), node="a"),
                op="invoke_workflow",
                workflow="named",
            ),
            node="first",
        ),
        Seen("second", Seen("b", Seen("chat m", stage="b", workflow="outer"), node="b"), node="second"),
        op="invoke_workflow",
        workflow="outer",
    )


def test_a_chain_as_a_node_is_the_node(traced: Traced) -> None:
    chain: Any = ChatPromptTemplate.from_template("{text}") | traced.model() | StrOutputParser()
    graph = StateGraph(State).add_node("write", chain | RunnableLambda(lambda text: {"text": text}))
    graph.add_edge(START, "write").compile(name="w").invoke({"text": "a"})
    assert traced.outline() == "invoke_workflow w\n  write\n    chat m"


def test_a_step_inside_a_node_does_not_take_over_the_stage(traced: Traced) -> None:
    def ask(text: str) -> str:
        traced.call()
        return text

    step = RunnableLambda(ask, name="step")
    graph = StateGraph(State).add_node("write", lambda state: {"text": step.invoke(state["text"])})
    graph.add_edge(START, "write").compile(name="w").invoke({"text": "a"})
    assert traced.tree.below == [
        Seen("write", Seen("step", Seen("chat m", stage="write", workflow="w"), node="step"), node="write")
    ]


def test_a_functional_workflow_is_named_after_its_function(traced: Traced) -> None:
    @task
    def double(number: int) -> int:
        traced.call()
        return number * 2

    @entrypoint()
    def compute(number: int) -> int:
        return sum(future.result() for future in [double(number), double(number + 1)])

    assert compute.invoke(1) == 6
    doubled = Seen("double", Seen("chat m", stage="double", workflow="compute"), node="double")
    main = Seen("compute", doubled, doubled, node="compute")
    assert traced.tree == Seen("invoke_workflow compute", main, op="invoke_workflow", workflow="compute")


def test_a_graph_that_gets_a_callback_manager_is_seen(traced: Traced) -> None:
    """LangGraph takes it as it is, past LangChain's hook for handlers."""
    _line(traced, "plan", name="w").invoke({"text": "a"}, {"callbacks": CallbackManager(handlers=[])})
    assert traced.outline() == "invoke_workflow w\n  plan\n    chat m"
