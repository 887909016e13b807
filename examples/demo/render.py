"""Traces and bills for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from demo.bill import Match, Sum, total
from demo.spans import COST, MODEL, OPERATION, SUBTREE, Tokens
from demo.trees import Node, Trace

_BRANCH = ("├─ ", "└─ ")
_TRUNK = ("│  ", "   ")
UNPRICED = "unpriced"
_LEAST = Decimal("0.000001")


def usd(amount: Decimal | None) -> str:
    """An amount of money; what has no known price is not free."""
    if amount is None:
        return UNPRICED
    return f"<${_LEAST}" if 0 < amount < _LEAST else f"${amount:.6f}"


def cost(summed: Sum) -> str:
    """What some calls cost, with those named that have no price."""
    if not summed.calls:
        return "nothing billed"
    if not summed.unpriced:
        return usd(summed.usd)
    left = f"{summed.unpriced} {UNPRICED}"
    return left if summed.unpriced == summed.calls else f"{usd(summed.usd)} + {left}"


def trace_view(trace: Trace, link: str = "") -> RenderableType:
    """One trace: a headline, the tree with tokens, time and money, and where to see it."""
    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="dim")
    table.add_column("span", no_wrap=True, overflow="ellipsis", ratio=1)
    for name in ("stage", "model"):
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    for name in ("in", "cached", "out", "reasoning", "seconds", "USD"):
        table.add_column(name, justify="right", no_wrap=True)
    for root in trace.roots:
        _grow(table, root, "", "")
    parts: list[RenderableType] = [_headline(trace), table]
    if link:
        parts.append(Text(link, style="dim"))
    return Group(*parts, Text())


def bill_table(title: str, sums: Mapping[str, Sum]) -> Table:
    """Sums by some key with the share each has of the cost, and the total."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column(title.rpartition(" ")[2])
    for name in ("calls", "in", "cached", "out", "reasoning", "seconds", "share of cost", "USD"):
        table.add_column(name, justify="right", no_wrap=True)
    whole = sum(sums.values(), Sum())
    for key, summed in sums.items():
        table.add_row(key, *_figures(summed, whole.usd))
    table.add_section()
    table.add_row("total", *_figures(whole, whole.usd), style="bold")
    return table


def match_table(matches: Iterable[Match]) -> Table:
    """The provider's bill beside the spans."""
    title = "Tokens the provider billed, and tokens on the spans"
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("model")
    for name in ("book", "calls", "in", "cached", "out", "reasoning"):
        table.add_column(name, justify="right" if name != "book" else "left")
    table.add_column("")
    for match in matches:
        table.add_row(match.model, "provider", *_counts(match.provider))
        mark = Text("✓ equal", "green") if match.agrees else Text("✗ differs", "red")
        table.add_row("", "spans", *_counts(match.spans), mark)
    return table


def _headline(trace: Trace) -> Text:
    calls = total(trace.calls)
    root = trace.roots[0]
    scoped = next((node for node in trace.nodes() if node.tenant), root)
    who = " / ".join(part for part in (scoped.tenant, scoped.user) if part)
    mark = Text("✗ ", "red") if any(node.span.failed for node in trace.roots) else Text("✓ ", "green")
    took = f"({root.span.seconds:.1f}s | {cost(calls)})"
    return Text.assemble(mark, (root.span.name, "bold"), f"  {who}" if who else "", f"  {took}")


def _alike(nodes: Iterable[Node]) -> list[tuple[Node, int]]:
    """The nodes with how often each stands there: small spans of one name in a row are shown once."""
    shown: list[tuple[Node, int]] = []
    for node in nodes:
        before = shown[-1][0] if shown else None
        small = not node.children and not node.span.text(OPERATION)
        if small and before and not before.children and before.span.name == node.span.name:
            shown[-1] = (before, shown[-1][1] + 1)
        else:
            shown.append((node, 1))
    return shown


def _grow(table: Table, node: Node, lead: str, below: str, times: int = 1) -> None:
    span = node.span
    tokens = span.tokens
    table.add_row(
        Text.assemble((lead, "dim"), (span.name, "red" if span.failed else ""), (_notes(node, times), "yellow")),
        node.stage,
        span.text(MODEL) if span.text(OPERATION) else "",
        *(_tokens(tokens) if tokens else ("", "", "", "")),
        f"{span.seconds:.2f}",
        usd(span.money(COST)) if tokens else _below(node),
    )
    shown = _alike(node.children)
    for at, (child, repeated) in enumerate(shown):
        last = at == len(shown) - 1
        _grow(table, child, below + _BRANCH[last], below + _TRUNK[last], repeated)


def _below(node: Node) -> Text:
    """What the spans below cost, as the span itself says."""
    amount = node.span.money(SUBTREE)
    return Text("" if amount is None else usd(amount), "dim")


def _notes(node: Node, times: int) -> str:
    """What happened on the way: repetitions, refusals and retries."""
    retries = sum("retry" in name or "attempt" in name for name in node.span.events)
    notes = [f"{times} times"] if times > 1 else []
    if node.span.refused:
        notes.append("refused by a budget")
    if retries:
        notes.append(f"{retries} {'retry' if retries == 1 else 'retries'}")
    return f"  ({', '.join(notes)})" if notes else ""


def _tokens(tokens: Tokens) -> list[str]:
    return [f"{count:,}" for count in (tokens.input, tokens.cached, tokens.output, tokens.reasoning)]


def _counts(summed: Sum) -> tuple[str, ...]:
    return (str(summed.calls), *_tokens(summed.tokens))


def _figures(summed: Sum, whole: Decimal) -> tuple[str, ...]:
    share = f"{100 * summed.usd / whole:.1f} %" if whole and summed.unpriced < summed.calls else "-"
    money = f"{cost(summed)} ({summed.source})" if summed.estimated else cost(summed)
    return (*_counts(summed), f"{summed.seconds:.2f}", share, money)
