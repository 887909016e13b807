"""What a LangChain run becomes as a span.

| run                                           | span                     | stage it implies                        |
|-----------------------------------------------|--------------------------|-----------------------------------------|
| agent                                         | `invoke_agent {agent}`   | the agent                               |
| graph; chain that names a workflow            | `invoke_workflow {name}` | none, its nodes do                      |
| graph node, task of a functional workflow     | `{node}`                 | the node, unless an agent encloses it   |
| outermost chain, named chain, named step      | `{name}`, else `chain`   | itself, unless node or agent enclose it |
| tool                                          | `execute_tool {tool}`    | none                                    |
| retriever                                     | `retrieval {retriever}`  | none                                    |

Everything else makes no span, and what it calls hangs below the run around it: prompts, parsers, hidden runs,
conditional edges, unnamed sequences, maps and lambdas inside another run, and an unnamed graph inside a node. Chat
model runs never make one: the client that the model calls has the metered span.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from spanledger.scope import EMPTY, Scope
from spanledger.semconv import names
from spanledger_instrumentation.langchain.reading import NO_LABELS, UNNAMED_GRAPH, Entries, Graph, Labels, Start, text
from spanledger_instrumentation.langchain.stops import Stop

#: Runs with this tag are LangChain's own plumbing, by its own word.
HIDDEN = "langsmith:hidden"
#: Run types of steps that format or parse, and call nothing.
PLUMBING = frozenset({"prompt", "parser"})
#: Names that LangChain gives to steps of its own.
INTERNAL = frozenset({"load_history", "insert_history", "check_sync_or_async"})


class Rank(IntEnum):
    """What names the stage of the calls below. Inside a higher rank a lower one does not."""

    NONE = 0
    CHAIN = 1
    NODE = 2
    AGENT = 3


class Shape(NamedTuple):
    """A span to be: its name and attributes, and what is new in the scope of the calls below it."""

    name: str
    attributes: dict[str, str]
    scope: Scope
    place: Place


class Place:
    """Where a run stands among the runs around it. Runs without a span share the place of the run around them."""

    __slots__ = ("inner", "labels", "namespace", "node", "outer", "rank", "stop")

    def __init__(
        self, outer: Place | None, rank: Rank, labels: Labels, namespace: str | None, node: str | None
    ) -> None:
        self.outer = outer
        self.inner: frozenset[str] = outer.inner if outer else frozenset()
        self.rank: Rank = max(rank, outer.rank) if outer else rank
        self.labels = labels
        self.namespace = namespace
        self.node = node
        #: The graph that runs here, once it does.
        self.stop: Stop | None = None

    def encloses(self, other: Place | None) -> bool:
        """Whether the other place is this one or lies inside it."""
        while other is not None and other is not self:
            other = other.outer
        return other is self


@dataclass(slots=True)
class _Draft:
    """A shape in the making: what was read, and what encloses it. `said` is what is new here."""

    start: Start
    outer: Place | None
    labels: Labels
    said: Labels
    namespace: str | None
    conversation: str | None
    attributes: dict[str, str]
    node: str | None = None

    def find_node(self) -> None:
        """A graph node is the run where LangGraph's checkpoint namespace changes; what runs inside has the same."""
        if self.namespace is not None and (self.outer is None or self.namespace != self.outer.namespace):
            self.node = text(self.start.metadata, "langgraph_node")
            if self.node is not None:
                self.attributes[names.SPANLEDGER_NODE_NAME] = self.node

    def done(
        self,
        name: str,
        rank: Rank = Rank.NONE,
        *,
        agent: str | None = None,
        workflow: str | None = None,
        stage: str | None = None,
    ) -> Shape:
        implied = stage if self.outer is None or rank >= self.outer.rank else None
        says = EMPTY
        if agent or workflow or implied or self.conversation:
            says = Scope(agent=agent, workflow=workflow, conversation=self.conversation, implied_stage=implied)
        place = Place(self.outer, rank, self.labels, self.namespace, self.node)
        if self.start.graph is not None:
            place.inner = self.start.graph.inner
        return Shape(name, self.attributes, says, place)


def chain_shape(start: Start, outer: Place | None, payer: Scope) -> Shape | None:
    """What a chain run becomes inside `outer`, where the scope is `payer`; None if it makes no span."""
    if start.run_type in PLUMBING or HIDDEN in start.tags or start.name in INTERNAL:
        return None
    if outer is not None and outer.node is not None and start.name in outer.inner:
        return None
    draft, graph = _draft(start, outer, payer), start.graph
    if graph is None:
        draft.find_node()
    if draft.said.agent is not None or (graph is not None and graph.agent):
        return _agent(draft, (graph.name if graph is not None and graph.agent else None) or draft.said.agent)
    if draft.node is not None:
        return draft.done(draft.node, Rank.NODE, stage=draft.node)
    if graph is not None or draft.said.workflow is not None:
        return _workflow(draft, graph)
    return _chain(draft)


def _draft(start: Start, outer: Place | None, payer: Scope) -> _Draft:
    labels = start.labels
    said = labels.beyond(outer.labels if outer else NO_LABELS)
    conversation = (start.graph.conversation if start.graph else None) or said.conversation
    known = conversation or payer.conversation
    attributes = {} if known is None else {names.GEN_AI_CONVERSATION_ID: known}
    namespace = text(start.metadata, "langgraph_checkpoint_ns")
    return _Draft(start, outer, labels, said, namespace, conversation, attributes)


def _agent(draft: _Draft, name: str | None) -> Shape:
    draft.attributes[names.GEN_AI_OPERATION_NAME] = "invoke_agent"
    if name is None:
        return draft.done("invoke_agent")
    draft.attributes[names.GEN_AI_AGENT_NAME] = name
    return draft.done(f"invoke_agent {name}", Rank.AGENT, agent=name, stage=name)


def _workflow(draft: _Draft, graph: Graph | None) -> Shape | None:
    name = draft.said.workflow or (graph.name if graph else None) or given_name(draft.start.name)
    draft.attributes[names.GEN_AI_OPERATION_NAME] = "invoke_workflow"
    if name is not None:
        draft.attributes[names.GEN_AI_WORKFLOW_NAME] = name
        return draft.done(f"invoke_workflow {name}", workflow=name)
    if draft.outer is not None and draft.outer.node is not None:
        return None
    return draft.done("invoke_workflow")


def _chain(draft: _Draft) -> Shape | None:
    name = given_name(draft.start.name)
    if name is not None:
        draft.attributes[names.SPANLEDGER_NODE_NAME] = name
        return draft.done(name, Rank.CHAIN, stage=name)
    return draft.done("chain") if draft.outer is None else None


def given_name(name: str | None) -> str | None:
    """The name of a run if somebody gave it one: LangChain falls back to the class, with its parts in brackets."""
    if not name or name.startswith("Runnable") or name == UNNAMED_GRAPH:
        return None
    return name


def tool_shape(name: str, call_id: str | None, metadata: Entries, outer: Place | None, payer: Scope) -> Shape:
    """What a run of a tool becomes."""
    draft = _draft(Start(name, metadata), outer, payer)
    attributes = draft.attributes
    attributes[names.GEN_AI_OPERATION_NAME] = "execute_tool"
    attributes[names.GEN_AI_TOOL_NAME] = name
    attributes[names.GEN_AI_TOOL_TYPE] = "function"
    if call_id:
        attributes[names.GEN_AI_TOOL_CALL_ID] = call_id
    if payer.agent is not None:
        attributes[names.GEN_AI_AGENT_NAME] = payer.agent
    return draft.done(f"execute_tool {name}")


def retrieval_shape(name: str, metadata: Entries, outer: Place | None, payer: Scope) -> Shape:
    """What a run of a retriever becomes."""
    draft = _draft(Start(name, metadata), outer, payer)
    draft.attributes[names.GEN_AI_OPERATION_NAME] = "retrieval"
    if (source := text(metadata, "data_source_id")) is not None:
        draft.attributes[names.GEN_AI_DATA_SOURCE_ID] = source
    return draft.done(f"retrieval {name}")
