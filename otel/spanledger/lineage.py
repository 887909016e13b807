"""Which local spans enclose which, and what settled below each: tokens and cost, while the spans are open.

The processors report spans as they open and close; metered calls report what they used. From it come the run of a
request (its SERVER or CONSUMER span), the cost of a subtree, the facts that metrics are made of, and whether a span of
another library repeats a call that is metered already.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from operator import attrgetter
from typing import NamedTuple

from spanledger.scope import EMPTY, Scope
from spanledger.usage import Usage

#: Spans that never end must not keep memory for ever: beyond this many, the oldest is forgotten.
OPEN_SPANS = 100_000
#: Metered calls that have ended and are remembered: this many at least, twice as many at most.
RECENT = 512


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
    response_id: str | None = None

    @property
    def unpriced(self) -> bool:
        """Whether more is owed for the call than is known."""
        return bool(self.missing) or (self.cost is None and self.usage is not None)


class Booked(NamedTuple):
    """A metered call that has ended. `library` is the instrumentation that told of it; times are nanoseconds."""

    library: str
    trace: int
    usage: Usage
    start: int
    end: int


class Recent:
    """Metered calls that ended lately, by response id where they have one.

    Two generations: when the younger one is full it becomes the older one, and what was older is forgotten.
    """

    def __init__(self, limit: int = RECENT) -> None:
        self._limit = limit
        self._old, self._young = _Generation(), _Generation()

    def add(self, key: str | int, booked: Booked) -> None:
        """Remember a call under its response id, or under its span id if it has none."""
        self._young.add(key, booked)
        if self._young.count >= self._limit:
            self._old, self._young = self._young, _Generation()

    def answered(self, response_id: str) -> Booked | None:
        """The latest call that was answered with this response id."""
        return self._young.calls.get(response_id) or self._old.calls.get(response_id)

    def during(self, trace: int, start: int, end: int, *, apart_from: str) -> list[Booked]:
        """The calls of a trace that began and ended between two times, and were told of by another library."""
        return [call for one in (self._old, self._young) for call in one.during(trace, start, end, apart_from)]

    def forget(self) -> None:
        """Remember nothing."""
        self._old, self._young = _Generation(), _Generation()


_began = attrgetter("start")


class _Generation:
    """Calls that ended one after the other, by key; and by trace and library, in the order in which they began.

    A trace may have thousands, most of them told of by one library: a look at a time passes over those of all others.
    """

    __slots__ = ("_traces", "calls", "count")

    def __init__(self) -> None:
        self.calls: dict[str | int, Booked] = {}
        self.count = 0
        self._traces: dict[int, dict[str, list[Booked]]] = {}

    def add(self, key: str | int, booked: Booked) -> None:
        before = self.calls.get(key)
        if before is not None and before.trace == booked.trace:  # told again
            self._of(before).remove(before)
        self.calls[key] = booked
        self.count += 1
        insort(self._of(booked), booked, key=_began)

    def _of(self, booked: Booked) -> list[Booked]:
        return self._traces.setdefault(booked.trace, {}).setdefault(booked.library, [])

    def during(self, trace: int, start: int, end: int, apart_from: str) -> Iterator[Booked]:
        for library, calls in list(self._traces.get(trace, {}).items()):
            if library != apart_from:
                some = calls[bisect_left(calls, start, key=_began) : bisect_right(calls, end, key=_began)]
                yield from (call for call in some if call.end <= end)


class Node:
    """An open span: what encloses it, whose run it is, who pays there, and what has settled below it so far.

    `agent` is the agent that counts as running while the span is open. `claimed`: the span is that of a call of ours.
    """

    __slots__ = ("agent", "claimed", "cost", "facts", "input", "output", "parent", "payer", "run", "unpriced")

    def __init__(self, parent: Node | None, run: str | None, payer: Scope) -> None:
        self.parent = parent
        self.run = run
        self.payer = payer
        self.agent: str | None = None
        self.claimed = False
        self.cost = 0
        self.unpriced = 0
        self.input = 0
        self.output = 0
        self.facts: Facts | None = None


class Lineage:
    """The open spans of this process, by span id. Every operation is one dict access, atomic under the interpreter."""

    def __init__(self, limit: int = OPEN_SPANS, recent: int = RECENT) -> None:
        self._nodes: dict[int, Node] = {}
        self._calls: dict[int, Node] = {}
        self._limit = limit
        self.recent = Recent(recent)

    def opened(self, span_id: int, parent_id: int | None, run: str | None, payer: Scope = EMPTY) -> None:
        """A span has started. `run` names the run it begins, None if it belongs to its parent's; `payer` pays there."""
        parent = self._nodes.get(parent_id) if parent_id is not None else None
        self._nodes[span_id] = Node(parent, run or (parent.run if parent else None), payer)
        if len(self._nodes) > self._limit:
            self._nodes.pop(next(iter(self._nodes)), None)

    def closed(self, span_id: int) -> Node | None:
        """A span has ended: what is known of it, for the last time."""
        return self._nodes.pop(span_id, None)

    def claimed(self, span_id: int) -> None:
        """The span is that of a call of ours, which will say what was used."""
        if node := self._nodes.get(span_id):
            node.claimed = True
            self._calls[span_id] = node
            if len(self._calls) > self._limit:
                self._calls.pop(next(iter(self._calls)), None)

    def metered(self, span_id: int, facts: Facts) -> None:
        """A call has come to its end; its span will say so in a moment."""
        self._calls.pop(span_id, None)
        if node := self._nodes.get(span_id):
            node.facts = facts

    @staticmethod
    def inside(node: Node) -> bool:
        """Whether a span around this one is a call that is open, or that was metered."""
        above = node.parent
        while above is not None:
            if above.facts.usage is not None if above.facts is not None else above.claimed:
                return True
            above = above.parent
        return False

    def around(self, node: Node) -> bool:
        """Whether a call below this span was metered, or is open."""
        return bool(node.input or node.output) or any(_encloses(node, call) for call in list(self._calls.values()))

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
            above.unpriced += facts.unpriced
            if usage is not None:
                above.input += usage.input
                above.output += usage.output
            above = above.parent

    def forget(self) -> None:
        """Drop everything: a forked child has none of its parent's spans."""
        self._nodes.clear()
        self._calls.clear()
        self.recent.forget()

    def __len__(self) -> int:
        return len(self._nodes)


def _encloses(node: Node, call: Node) -> bool:
    above = call.parent
    while above is not None and above is not node:
        above = above.parent
    return above is node
