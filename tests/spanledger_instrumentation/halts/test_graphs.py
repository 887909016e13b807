"""How a graph ends when its run is halted: what is begun is finished, what is paid for is kept, nothing else begins."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphDrained
from langgraph.graph import START
from langgraph.pregel._loop import PregelLoop
from langgraph.runtime import RunControl, Runtime
from tests.spanledger_instrumentation.halts.graphs import Nodes, State, empty, fan, row, thread
from tests.support.halting import ASK, Budgeted, budgeted

import spanledger
from provider import Provider
from spanledger.budget.store import Claim
from spanledger.semconv import names

BUDGET = "run=0.000100USD"
WAYS: dict[str, Callable[[Any, Any], Any]] = {
    "sync": lambda graph, given: graph.invoke(given, thread()),
    "async": lambda graph, given: asyncio.run(graph.ainvoke(given, thread())),
}


def swallowing(model: ChatOpenAI) -> Any:
    """A node whose author knows better."""

    def node(_: State) -> State:
        try:
            model.invoke(ASK)
        except spanledger.BudgetExceeded:
            return {"done": ["without"]}
        return {"done": ["with"]}

    return node


def swallowed(model: ChatOpenAI, *then: str, **compiled: Any) -> tuple[Any, list[str]]:
    """A graph whose first node swallows the halt, and the nodes after it that began."""
    ran: list[str] = []
    graph = empty().add_node("a", swallowing(model)).add_edge(START, "a")
    for above, name in zip(("a", *then), then, strict=False):
        graph.add_node(name, lambda _, name=name: ran.append(name)).add_edge(above, name)
    return graph.compile(name="essay", **compiled), ran


def halt_events(one: Budgeted, span_name: str) -> list[dict[str, Any]]:
    return [
        dict(event.attributes or {})
        for span in one.telemetry.spans
        for event in span.events
        if span.name == span_name and event.name == names.EVENT_SPANLEDGER_BUDGET_HALT
    ]


@pytest.mark.parametrize("way", WAYS)
def test_branches_side_by_side_all_stop(way: str, provider: Provider, key: str, model: ChatOpenAI, file: Path) -> None:
    with budgeted(BUDGET, file) as one, spanledger.run("r-1"):
        one.spend("r-1", 50_000)
        nodes = Nodes(model)
        graph = fan(nodes, later=way == "async", checkpointer=InMemorySaver())
        with pytest.raises(spanledger.BudgetExceeded) as caught:
            WAYS[way](graph, {"done": []})
        assert caught.value.refusal.halted
        assert sorted(nodes.ran) == ["b", "c", "d", "e"]
        assert provider.bill(key)["hits"] == 0
        assert halt_events(one, "invoke_workflow fan")[0][names.SPANLEDGER_BUDGET_NEXT_NODES] == ("b", "c", "d", "e")
        one.raise_limit("r-1", 10**9)
        assert sorted(WAYS[way](graph, None)["done"]) == ["b", "b2", "c", "c2", "d", "d2", "e", "e2"]
        assert one.spent("r-1") == 50_000 + 8 * 75_000


@pytest.mark.parametrize("way", WAYS)
def test_what_another_branch_is_doing_is_finished_and_kept(way: str, model: ChatOpenAI, file: Path) -> None:
    ran: list[str] = []

    def work(_: State) -> State:
        time.sleep(0.1)  # longer than the other branch takes to be refused
        ran.append("work")
        return {"done": ["work"]}

    async def work_later(_: State) -> State:
        await asyncio.sleep(0.1)
        ran.append("work")
        return {"done": ["work"]}

    with budgeted(BUDGET, file) as one, spanledger.run("r-1"):
        one.spend("r-1", 50_000)
        nodes = Nodes(model)
        graph = empty().add_edge(START, "ask").add_edge(START, "work")
        graph.add_node("ask", nodes.asking("ask") if way == "sync" else nodes.asking_later("ask"))
        graph.add_node("work", work if way == "sync" else work_later)
        compiled = graph.compile(checkpointer=InMemorySaver())
        with pytest.raises(spanledger.BudgetExceeded):
            WAYS[way](compiled, {"done": []})
        one.raise_limit("r-1", 10**9)
        assert sorted(WAYS[way](compiled, None)["done"]) == ["ask", "work"]
    assert (ran, nodes.ran) == (["work"], ["ask", "ask"])


@pytest.mark.parametrize("way", WAYS)
def test_a_halt_that_a_node_swallows_stops_the_graph_before_the_next(way: str, model: ChatOpenAI, file: Path) -> None:
    with budgeted(BUDGET, file) as one, spanledger.run("r-1"):
        one.spend("r-1", 50_000)
        graph, ran = swallowed(model, "b", "c", checkpointer=InMemorySaver())
        with pytest.raises(spanledger.BudgetExceeded) as caught:
            WAYS[way](graph, {"done": []})
        state = graph.get_state(thread())
        assert (ran, state.next, state.values) == ([], ("b",), {"done": ["without"]})
        assert caught.value.refusal.needed is not None
        (event,) = halt_events(one, "invoke_workflow essay")
        assert {name.removeprefix("spanledger.budget."): value for name, value in event.items()} == {
            "name": "run/run",
            "kind": "insufficient",
            "scope_value": "r-1",
            "window": "r-1",
            "unit": "USD",
            "limit": 0.0001,
            "spent": 0.00005,
            "held": 0.0,
            "needed": caught.value.refusal.needed / 1e9,
            "next_nodes": ("b",),
        }
        one.raise_limit("r-1", 10**9)
        WAYS[way](graph, None)
        assert ran == ["b", "c"]


def test_who_reads_a_stream_gets_all_that_was_done_before_the_halt(model: ChatOpenAI, file: Path) -> None:
    with budgeted(BUDGET, file) as one, spanledger.run("r-1"):
        one.spend("r-1", 50_000)
        graph, _ = swallowed(model, "b")
        seen: list[Any] = []
        with pytest.raises(spanledger.BudgetExceeded):
            seen.extend(graph.stream({"done": []}, stream_mode=["updates", "values"]))
        assert seen[-1] == ("values", {"done": ["without"]})


def test_a_halt_that_the_last_node_swallows_ends_the_graph_all_the_same(model: ChatOpenAI, file: Path) -> None:
    with budgeted(BUDGET, file) as one, spanledger.run("r-1"):
        one.spend("r-1", 50_000)
        graph, _ = swallowed(model)
        with pytest.raises(spanledger.BudgetExceeded):
            graph.invoke({"done": []})


def test_a_run_that_is_halted_elsewhere_stops_before_the_next_node(model: ChatOpenAI, file: Path) -> None:
    with budgeted(BUDGET, file) as one, spanledger.run("r-1"):
        nodes = Nodes(RunnableLambda(lambda _: halt(one, model)))
        graph = row(nodes, "ab", checkpointer=InMemorySaver())
        with pytest.raises(spanledger.BudgetExceeded):
            graph.invoke({"done": []}, thread())
        assert nodes.ran == ["a"]
        assert graph.get_state(thread()).next == ("b",)


def halt(one: Budgeted, model: ChatOpenAI) -> None:
    """As another process does it: nothing of it is seen in this graph but what is in the books."""
    one.spend("r-1", 10**9)
    assert one.store.reserve("elsewhere", [Claim(one.counter("r-1"), 1, 100_000, sticky=True)], 60.0) is not None


def test_a_run_that_goes_to_its_end_is_not_ended_by_a_halt_elsewhere(model: ChatOpenAI, file: Path) -> None:
    with budgeted(BUDGET, file) as one, spanledger.run("r-1"):
        graph = row(Nodes(RunnableLambda(lambda _: halt(one, model))), "a")
        assert graph.invoke({"done": []}) == {"done": ["a"]}


def test_a_graph_inside_a_graph_stops_both(model: ChatOpenAI, file: Path) -> None:
    with budgeted(BUDGET, file) as one, spanledger.run("r-1"):
        one.spend("r-1", 50_000)
        inner, ran = swallowed(model, "b")
        graph = empty().add_node("inner", inner).add_edge(START, "inner")
        graph.add_node("after", lambda _: ran.append("after")).add_edge("inner", "after")
        compiled = graph.compile(name="outer", checkpointer=InMemorySaver())
        with pytest.raises(spanledger.BudgetExceeded):
            compiled.invoke({"done": []}, thread())
        one.raise_limit("r-1", 10**9)
        assert compiled.invoke(None, thread())["done"] == ["without"]
        assert ran == ["b", "after"]


def test_a_node_sees_that_its_graph_is_asked_to_drain(model: ChatOpenAI, file: Path) -> None:
    told: list[tuple[bool, str | None]] = []

    def node(_: State, runtime: Runtime[None]) -> State:
        swallowing(model)({})
        told.append((runtime.drain_requested, runtime.drain_reason))
        return {}

    with budgeted(BUDGET, file) as one, spanledger.run("r-1"):
        one.spend("r-1", 50_000)
        graph = empty().add_node("a", node).add_edge(START, "a").compile()
        with pytest.raises(spanledger.BudgetExceeded) as caught:
            graph.invoke({"done": []})
    assert told == [(True, str(caught.value))]


def test_a_drain_that_the_app_asks_for_is_what_it_was(model: ChatOpenAI, file: Path) -> None:
    control = RunControl()
    control.request_drain()
    with budgeted("run=1USD", file), pytest.raises(GraphDrained, match="shutdown"):
        row(Nodes(model)).invoke({"done": []}, control=control)


def test_a_langgraph_that_cannot_drain_stops_before_the_next_node_too(
    model: ChatOpenAI, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PregelLoop, "control", property(lambda _: None, lambda _, __: None), raising=False)
    with budgeted(BUDGET, file) as one, spanledger.run("r-1"):
        one.spend("r-1", 50_000)
        graph, ran = swallowed(model, "b", checkpointer=InMemorySaver())
        with pytest.raises(spanledger.BudgetExceeded):
            graph.invoke({"done": []}, thread())
        assert (ran, graph.get_state(thread()).next) == ([], ("b",))


def test_an_async_stream_that_is_left_half_way_closes_its_graph(file: Path) -> None:
    closed = []

    async def slow(_: State) -> State:
        try:
            await asyncio.sleep(30)
        finally:
            closed.append(True)
        return {}

    async def leave() -> None:
        graph = empty().add_node("first", lambda _: {}).add_node("slow", slow)
        stream = graph.add_edge(START, "first").add_edge(START, "slow").compile().astream({"done": []})
        async for _ in stream:
            break
        await stream.aclose()

    with budgeted(BUDGET, file):
        asyncio.run(leave())
    assert closed == [True]


def test_a_halt_of_a_run_inside_a_node_is_no_halt_of_the_graph(model: ChatOpenAI, file: Path) -> None:
    """Such as a budget for each of many items."""

    def items(_: State) -> State:
        for run in ("item-1", "item-2"):
            with spanledger.run(run):
                swallowing(model)({})
        return {"done": ["items"]}

    with budgeted(BUDGET, file) as one, spanledger.run("r-1"):
        for run in ("item-1", "item-2"):
            one.spend(run, 50_000)
        graph = empty().add_node("items", items).add_node("last", lambda _: {"done": ["last"]})
        graph.add_edge(START, "items").add_edge("items", "last")
        assert graph.compile().invoke({"done": []}) == {"done": ["items", "last"]}
        assert one.halted("item-1")
        assert one.halted("item-2")
