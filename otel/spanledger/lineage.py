"""Which local spans enclose which, and what settled below each: tokens and cost, while the spans are open.

The processors report spans as they open and close; metered calls report what they used. From it come the run of a
request (its SERVER or CONSUMER span), the cost of a subtree, and the facts that metrics are made of.
"""

from __future__ import annotations

from typing import NamedTuple

from spanledger.scope import EMPTY, Scope
from spanledger.usage import Usage

#: Spans that never end must not keep memory for ever: beyond this many, the oldest is forgotten.
OPEN_SPANS = 100_000


class Facts(NamedTuple):
    """One metered call as metrics and ledger see it. Times are seconds; `cost` is nano-USD, None if unknown.

    `missing` names what the cost leaves out because nobody knows its price.
    """

    operation: str
    provider: str
    request_model: str | None = None
    response_model: str | None = None
    server_address: str | None = None
    server_port: int | None = None
    stage: str | None = None
    tenant: str | None = None
    usage: Usage | None = None
    cost: int | None = None
    duration: float = 0.0
    first_chunk: float | None = None
    error: str | None = None
    remaining_requests: int | None = None
    remaining_tokens: int | None = None
    missing: tuple[str, ...] = ()


class Node:
    """An open span: what encloses it, whose run it is, who pays there, and what has settled below it so far.

    `agent` is the agent that counts as running while the span is open.
    """

    __slots__ = ("agent", "cost", "facts", "input", "output", "parent", "payer", "run")

    def __init__(self, parent: Node | None, run: str | None, payer: Scope) -> None:
        self.parent = parent
        self.run = run
        self.payer = payer
        self.agent: str | None = None
        self.cost = 0
        self.input = 0
        self.output = 0
        self.facts: Facts | None = None


class Lineage:
    """The open spans of this process, by span id. Every operation is one dict access, atomic under the interpreter."""

    def __init__(self, limit: int = OPEN_SPANS) -> None:
        self._nodes: dict[int, Node] = {}
        self._limit = limit

    def opened(self, span_id: int, parent_id: int | None, run: str | None, payer: Scope = EMPTY) -> None:
        """A span has started. `run` names the run it begins, None if it belongs to its parent's; `payer` pays there."""
        parent = self._nodes.get(parent_id) if parent_id is not None else None
        self._nodes[span_id] = Node(parent, run or (parent.run if parent else None), payer)
        if len(self._nodes) > self._limit:
            self._nodes.pop(next(iter(self._nodes)), None)

    def closed(self, span_id: int) -> Node | None:
        """A span has ended: what is known of it, for the last time."""
        return self._nodes.pop(span_id, None)

    def metered(self, span_id: int, facts: Facts) -> None:
        """A call of ours has come to its end; its span will say so in a moment."""
        if node := self._nodes.get(span_id):
            node.facts = facts

    def open(self, span_id: int) -> Node | None:
        """What is known of a span so far."""
        return self._nodes.get(span_id)

    def run_of(self, span_id: int) -> str | None:
        """The run that the request around an open span begins, if any."""
        node = self._nodes.get(span_id)
        return node.run if node else None

    @staticmethod
    def settle(node: Node, facts: Facts) -> None:
        """Add what a call used to every span around it, through those that have ended to those that are open."""
        usage = facts.usage
        above = node.parent
        while above is not None:
            above.cost += facts.cost or 0
            if usage is not None:
                above.input += usage.input
                above.output += usage.output
            above = above.parent

    def forget(self) -> None:
        """Drop everything: a forked child has none of its parent's spans."""
        self._nodes.clear()

    def __len__(self) -> int:
        return len(self._nodes)
