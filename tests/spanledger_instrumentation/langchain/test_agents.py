"""What makes an agent an agent, and what its calls and tools say of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware, before_model
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import create_react_agent
from pydantic import BaseModel
from tests.spanledger_instrumentation.langchain.structure import Seen, Traced, Ways, collected

ASK: Any = {"messages": [("user", "1 + 2?")]}


@tool
def add(a: int, b: int) -> int:
    """Add."""
    return a + b


def _calls(name: str, *args: dict[str, Any]) -> AIMessage:
    calls: Any = [{"name": name, "args": given, "id": f"call_{i}"} for i, given in enumerate(args)]
    return AIMessage("", tool_calls=calls)


def _tool(agent: str | None = None, *below: Seen, call: str = "call_0", name: str = "add", **more: Any) -> Seen:
    who = {"agent": agent} if agent else {}
    return Seen(
        f"execute_tool {name}",
        *below,
        op="execute_tool",
        tool=name,
        tool_type="function",
        tool_call=call,
        **who,
        **more,
    )


WAYS: Ways = {
    "invoke": lambda agent: agent.invoke(ASK),
    "ainvoke": lambda agent: asyncio.run(agent.ainvoke(ASK)),
    "stream": lambda agent: list(agent.stream(ASK, stream_mode=["messages", "updates"])),
    "astream": lambda agent: asyncio.run(collected(agent.astream(ASK, stream_mode="messages"))),
    "astream_events": lambda agent: asyncio.run(collected(agent.astream_events(ASK))),
}


@pytest.mark.parametrize("way", WAYS)
def test_an_agent_with_a_tool(traced: Traced, way: str) -> None:
    WAYS[way](create_agent(traced.model(_calls("add", {"a": 1, "b": 2})), [add], name="math"))
    model = Seen("model", Seen("chat m", agent="math", stage="math"), node="model")
    assert traced.tree == Seen(
        "invoke_agent math",
        model,
        Seen("tools", _tool("math"), node="tools"),
        model,
        op="invoke_agent",
        agent="math",
    )


def test_each_of_several_tool_calls_is_a_span(traced: Traced) -> None:
    create_agent(traced.model(_calls("add", {"a": 1, "b": 2}, {"a": 3, "b": 4})), [add], name="math").invoke(ASK)
    tools = sorted(traced.tree.below[1:3], key=repr)
    assert tools == [Seen("tools", _tool("math", call=f"call_{i}"), node="tools") for i in range(2)]


def test_an_agent_without_a_name_gets_none(traced: Traced) -> None:
    create_agent(traced.model(_calls("add", {"a": 1, "b": 2})), [add]).invoke(ASK)
    model = Seen("model", Seen("chat m", stage="model"), node="model")
    assert traced.tree == Seen("invoke_agent", model, Seen("tools", _tool(), node="tools"), model, op="invoke_agent")


def test_the_thread_of_an_agent_is_the_conversation(traced: Traced) -> None:
    agent = create_agent(
        traced.model(_calls("add", {"a": 1, "b": 2})), [add], name="math", checkpointer=InMemorySaver()
    )
    agent.invoke(ASK, {"configurable": {"thread_id": "t1"}})
    model = Seen(
        "model", Seen("chat m", agent="math", stage="math", conversation="t1"), node="model", conversation="t1"
    )
    tools = Seen("tools", _tool("math", conversation="t1"), node="tools", conversation="t1")
    assert traced.tree == Seen(
        "invoke_agent math", model, tools, model, op="invoke_agent", agent="math", conversation="t1"
    )


def test_an_agent_with_structured_output(traced: Traced) -> None:
    class Sum(BaseModel):
        value: int

    agent: Any = create_agent(traced.model(_calls("Sum", {"value": 3})), [], response_format=Sum, name="math")
    assert agent.invoke(ASK)["structured_response"] == Sum(value=3)
    assert traced.outline() == "invoke_agent math\n  model\n    chat m"


def test_middleware_of_an_agent_is_a_node_and_its_calls_are_the_agents(traced: Traced) -> None:
    @before_model
    def summarize(state: Any, runtime: Any) -> None:
        traced.call("summary")

    middleware: list[AgentMiddleware[Any, Any]] = [summarize]
    create_agent(traced.model(), [], name="math", middleware=middleware).invoke(ASK)
    summary = Seen("chat summary", agent="math", stage="math")
    assert traced.tree.below[0] == Seen("summarize.before_model", summary, node="summarize.before_model")


def test_an_agent_that_is_a_tool_of_another(traced: Traced) -> None:
    expert: Any = create_agent(traced.model("four"), [], name="expert")

    @tool
    def ask_expert(question: str) -> str:
        """Ask."""
        answer = expert.invoke({"messages": [("user", question)]})
        return str(answer["messages"][-1].content)

    create_agent(traced.model(_calls("ask_expert", {"question": "?"})), [ask_expert], name="boss").invoke(ASK)
    inner = Seen(
        "invoke_agent expert",
        Seen("model", Seen("chat m", agent="expert", stage="expert"), node="model"),
        op="invoke_agent",
        agent="expert",
    )
    boss = Seen("model", Seen("chat m", agent="boss", stage="boss"), node="model")
    assert traced.tree == Seen(
        "invoke_agent boss",
        boss,
        Seen("tools", _tool("boss", inner, name="ask_expert"), node="tools"),
        boss,
        op="invoke_agent",
        agent="boss",
    )


def test_a_plain_graph_inside_an_agent_is_no_agent(traced: Traced) -> None:
    """It inherits the metadata of the agent around it."""
    graph = StateGraph(MessagesState).add_node("look", lambda _: traced.call()).add_edge(START, "look")
    flow: Any = graph.compile(name="lookup")

    @tool
    def look(what: str) -> str:
        """Look."""
        flow.invoke({"messages": [("user", what)]})
        return what

    create_agent(traced.model(_calls("look", {"what": "x"})), [look], name="boss").invoke(ASK)
    call = Seen("chat m", agent="boss", stage="boss", workflow="lookup")
    assert traced.tree.below[1].below[0].below == [
        Seen("invoke_workflow lookup", Seen("look", call, node="look"), op="invoke_workflow", workflow="lookup")
    ]


def test_an_agent_as_a_node_of_a_graph(traced: Traced) -> None:
    graph = StateGraph(MessagesState).add_node("solve", create_agent(traced.model(), [], name="math"))
    graph.add_edge(START, "solve").compile(name="flow").invoke(ASK)
    call = Seen("chat m", agent="math", stage="math", workflow="flow")
    agent = Seen("invoke_agent math", Seen("model", call, node="model"), op="invoke_agent", agent="math")
    solve = Seen("solve", agent, node="solve")
    assert traced.tree == Seen("invoke_workflow flow", solve, op="invoke_workflow", workflow="flow")


def test_a_deep_agent_is_one_by_what_its_configuration_says(traced: Traced) -> None:
    configured: Any = {"metadata": {"ls_integration": "deepagents"}}
    graph = StateGraph(MessagesState).add_node("model", lambda _: traced.call()).add_edge(START, "model")
    graph.compile(name="deep").with_config(configured).invoke(ASK)
    assert traced.tree == Seen(
        "invoke_agent deep",
        Seen("model", Seen("chat m", agent="deep", stage="deep"), node="model"),
        op="invoke_agent",
        agent="deep",
    )


@pytest.mark.filterwarnings("ignore:create_react_agent has been moved")
def test_an_agent_of_the_older_kind_is_known_by_its_nodes(traced: Traced) -> None:
    create_react_agent(traced.model(_calls("add", {"a": 1, "b": 2})), [add], name="old").invoke(ASK)
    asks = Seen("agent", Seen("chat m", agent="old", stage="old"), node="agent")
    tools = Seen("tools", _tool("old"), node="tools")
    assert traced.tree == Seen("invoke_agent old", asks, tools, asks, op="invoke_agent", agent="old")


@pytest.mark.parametrize("key", ["lc_agent_name", "agent_name"])
def test_metadata_makes_a_node_an_agent(traced: Traced, key: str) -> None:
    graph = StateGraph(MessagesState)
    graph.add_node("plan", lambda _: traced.call(), metadata={key: "planner"})
    graph.add_node("write", lambda _: traced.call())
    graph.add_edge(START, "plan").add_edge("plan", "write").compile(name="flow").invoke(ASK)
    assert traced.tree.below == [
        Seen(
            "invoke_agent planner",
            Seen("chat m", agent="planner", stage="planner", workflow="flow"),
            op="invoke_agent",
            agent="planner",
            node="plan",
        ),
        Seen("write", Seen("chat m", stage="write", workflow="flow"), node="write"),
    ]


def test_a_chain_is_an_agent_only_where_the_app_says_so(traced: Traced) -> None:
    chain: Any = RunnableLambda(lambda _: traced.call(), name="inner") | RunnableLambda(
        lambda _: traced.call(), name="last"
    )
    chain.invoke(1, {"metadata": {"agent_name": "planner"}})
    call = Seen("chat m", agent="planner", stage="planner")
    assert traced.tree == Seen(
        "invoke_agent planner",
        Seen("inner", call, node="inner"),
        Seen("last", call, node="last"),
        op="invoke_agent",
        agent="planner",
    )
