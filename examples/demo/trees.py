"""Traces as trees, and the model calls in them with the scope they inherit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from demo.spans import COST, ESTIMATED, MODEL, OPERATION, STAGE, TENANT, USER, Span, Tokens


@dataclass(frozen=True)
class Node:
    """A span and what happened below it, with the scope that holds there."""

    span: Span
    children: tuple[Node, ...]
    stage: str
    """From the span itself or the nearest span above it; empty outside any stage."""
    tenant: str
    user: str

    def walk(self) -> Iterator[Node]:
        """This node and all below it, in the order in which they started."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True)
class Call:
    """One metered call of a model."""

    stage: str
    tenant: str
    model: str
    tokens: Tokens
    seconds: float
    usd: Decimal | None
    """None: no price is known."""
    estimated: bool


@dataclass(frozen=True)
class Trace:
    """All spans of one trace that have arrived."""

    id: str
    roots: tuple[Node, ...]

    def nodes(self) -> Iterator[Node]:
        """Every node, depth first."""
        for root in self.roots:
            yield from root.walk()

    @property
    def calls(self) -> list[Call]:
        """The metered calls."""
        return [_call(node, tokens) for node in self.nodes() if (tokens := node.span.tokens) is not None]

    @property
    def asks_models(self) -> bool:
        """Whether it has a call of a model, refused and failed ones included."""
        return any(node.span.text(OPERATION) for node in self.nodes())

    @property
    def whole(self) -> bool:
        """Whether its root has arrived."""
        return any(not root.span.parent_id for root in self.roots)


def trace(spans: Iterable[Span]) -> Trace:
    """The tree of spans that share one trace id; a span whose parent is not among them is a root."""
    ordered = sorted(spans, key=lambda span: (span.start, -span.end))
    known = {span.span_id for span in ordered}
    below: dict[str, list[Span]] = defaultdict(list)
    for span in ordered:
        below[span.parent_id if span.parent_id in known else ""].append(span)

    def grow(span: Span, stage: str, tenant: str, user: str) -> Node:
        scope = (span.text(STAGE) or stage, span.text(TENANT) or tenant, span.text(USER) or user)
        return Node(span, tuple(grow(child, *scope) for child in below[span.span_id]), *scope)

    roots = tuple(grow(span, "", "", "") for span in below[""])
    return Trace(ordered[0].trace_id if ordered else "", roots)


def _call(node: Node, tokens: Tokens) -> Call:
    return Call(
        stage=node.stage,
        tenant=node.tenant,
        model=node.span.text(MODEL),
        tokens=tokens,
        seconds=node.span.seconds,
        usd=node.span.money(COST),
        estimated=node.span.attributes.get(ESTIMATED) is True,
    )
