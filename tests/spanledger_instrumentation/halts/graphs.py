"""Graphs whose nodes ask a model, and remember that they did."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Annotated, Any, TypedDict

from langgraph.graph import START, StateGraph
from tests.support.halting import ASK


class State(TypedDict, total=False):
    done: Annotated[list[str], operator.add]


def empty(state: Any = State) -> Any:
    """A graph without nodes."""
    return StateGraph(state)


class Nodes:
    """Makes nodes. `ran` are those that began, in order."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.ran: list[str] = []

    def asking(self, name: str) -> Any:
        def node(_: State) -> State:
            self.ran.append(name)
            self.model.invoke(ASK)
            return {"done": [name]}

        return node

    def asking_later(self, name: str) -> Any:
        async def node(_: State) -> State:
            self.ran.append(name)
            await self.model.ainvoke(ASK)
            return {"done": [name]}

        return node


def row(nodes: Nodes, names: Sequence[str] = "abc", *, later: bool = False, **compiled: Any) -> Any:
    """A graph of nodes one after the other, sync or async."""
    graph = empty()
    for above, name in zip((START, *names), names, strict=False):
        graph.add_node(name, nodes.asking_later(name) if later else nodes.asking(name))
        graph.add_edge(above, name)
    return graph.compile(name="essay", **compiled)


def fan(nodes: Nodes, names: Sequence[str] = "bcde", *, later: bool = False, **compiled: Any) -> Any:
    """A graph of branches side by side, each of which goes on to a node of its own."""
    graph = empty()
    made = nodes.asking_later if later else nodes.asking
    for name in names:
        graph.add_node(name, made(name)).add_edge(START, name)
        graph.add_node(f"{name}2", made(f"{name}2")).add_edge(name, f"{name}2")
    return graph.compile(name="fan", **compiled)


def thread(name: str = "t-1") -> Any:
    return {"configurable": {"thread_id": name}}
