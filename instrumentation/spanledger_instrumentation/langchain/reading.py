"""What LangChain and LangGraph say of a run as it starts, read into plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

#: What LangGraph calls a graph that nobody named.
UNNAMED_GRAPH = "LangGraph"
#: `ls_integration` in the configuration of graphs that are agents.
AGENT_MAKERS = frozenset({"langchain_create_agent", "deepagents"})
#: The nodes of `langgraph.prebuilt.create_react_agent`, which says nothing of itself in its configuration.
REACT_NODES = frozenset(
    {"__start__", "agent", "tools", "pre_model_hook", "post_model_hook", "generate_structured_response"}
)
#: Steps inside those nodes that have a name of their own.
REACT_STEPS = frozenset({"call_model", "Prompt"})
#: Keys of metadata and `configurable` that identify a conversation; the first that is there counts.
CONVERSATION_KEYS = ("thread_id", "conversation_id", "session_id")
#: Keys of metadata that name an agent: LangChain's own, and the one that OpenTelemetry's instrumentation reads.
AGENT_KEYS = ("lc_agent_name", "agent_name")

Entries = Mapping[str, Any]


class Labels(NamedTuple):
    """What metadata says. Everything below inherits it, so only a change means the very run that shows it."""

    agent: str | None = None
    workflow: str | None = None
    conversation: str | None = None

    def beyond(self, outer: Labels) -> Labels:
        """What is said here and was not said outside."""
        if self == outer:
            return NO_LABELS
        return Labels(*(mine if mine != theirs else None for mine, theirs in zip(self, outer, strict=True)))


NO_LABELS = Labels()


@dataclass(frozen=True, slots=True)
class Graph:
    """A LangGraph graph as it begins to run.

    `agent`: it is one by the way it was made. `inner`: names of steps in its nodes that are no step of the app:
    conditional edges, which LangGraph runs as part of the node that they leave, and steps of its own agents.
    """

    name: str | None = None
    agent: bool = False
    conversation: str | None = None
    inner: frozenset[str] = frozenset()


class Start(NamedTuple):
    """A chain run as it starts."""

    name: str | None
    metadata: Entries
    tags: Sequence[str] = ()
    run_type: str | None = None
    graph: Graph | None = None

    @property
    def labels(self) -> Labels:
        """What its metadata says, inherited or not."""
        if not self.metadata:
            return NO_LABELS
        return Labels(
            _first(self.metadata, AGENT_KEYS), text(self.metadata, "workflow_name"), conversation_of(self.metadata)
        )


def text(entries: Entries, key: str) -> str | None:
    """The entry as text; None if it is missing or empty."""
    value = entries.get(key)
    return None if value is None or value == "" else str(value)


def _first(entries: Entries, keys: Sequence[str]) -> str | None:
    for key in keys:
        if key in entries and (value := text(entries, key)) is not None:
            return value
    return None


def conversation_of(entries: Entries) -> str | None:
    """The conversation that metadata or `configurable` name."""
    return _first(entries, CONVERSATION_KEYS)


def graph_of(pregel: Any, config: Entries) -> Graph:
    """Read a graph (a `langgraph.pregel.Pregel`) and the configuration that it is about to run with."""
    own: Entries = (pregel.config or {}).get("metadata") or {}
    nodes = frozenset(pregel.nodes)
    agent = _first(own, AGENT_KEYS)
    react = {"agent", "tools"} <= nodes <= REACT_NODES
    is_agent = agent is not None or own.get("ls_integration") in AGENT_MAKERS or react
    branches = getattr(getattr(pregel, "builder", None), "branches", None) or {}
    edges = frozenset(name for leaving in branches.values() for name in leaving)
    conversation = conversation_of(config.get("configurable") or {})
    return Graph(agent or _name(pregel, nodes), is_agent, conversation, edges | REACT_STEPS if react else edges)


def _name(pregel: Any, nodes: frozenset[str]) -> str | None:
    if pregel.name and pregel.name != UNNAMED_GRAPH:
        return str(pregel.name)
    if len(nodes) == 1:  # a functional workflow: its only node is the function that the user named
        return next(iter(nodes))
    return None
