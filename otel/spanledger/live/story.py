"""From what an app tells: a line for each stage as it ends, and a table of all stages at the end."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from spanledger.live.shown import Line, Shown, Table
from spanledger.live.words import cost, number, percent, spent
from spanledger.pipeline.feed import Denied, Ended, Spent, Told
from spanledger.readable import duration, plain

#: Where calls are counted that were made outside of any stage.
NOWHERE = "(no stage)"
_TICK, _CROSS = "✓", "✗"


@dataclass(slots=True)
class Part:
    """What one stage came to: how often and how long it ran, and the calls that were made in it, not below it."""

    runs: int = 0
    failed: int = 0
    seconds: float = 0.0
    calls: int = 0
    tokens: int = 0
    cost: int = 0
    unpriced: int = 0


@dataclass(slots=True)
class Story:
    """What has happened so far."""

    parts: dict[str, Part] = field(default_factory=dict)
    estimated: int = 0
    _estimates: int = 0
    _unpriced_estimates: int = 0
    _denied: Counter[Denied] = field(default_factory=Counter)

    def hear(self, told: Told) -> list[Line]:
        """Something has happened; the lines that say so."""
        if isinstance(told, Spent):
            self._spent(told)
            return []
        if isinstance(told, Ended):
            return [self._ended(told)]
        self._denied[told] += 1
        return [Line(f"{_CROSS} {plain(told.why)}", "bad")] if self._denied[told] == 1 else []

    def _spent(self, told: Spent) -> None:
        part = self.parts.setdefault(told.stage or NOWHERE, Part())
        if told.status not in ("refused", "lost"):
            part.calls += 1
        if told.stage is None:
            part.seconds += told.seconds
        part.tokens += told.tokens
        part.cost += told.cost or 0
        part.unpriced += told.unpriced
        if told.estimated:
            self._estimates += 1
            self._unpriced_estimates += told.unpriced
            self.estimated += told.cost or 0

    def _ended(self, told: Ended) -> Line:
        part = self.parts.setdefault(told.stage, Part())
        part.runs += 1
        part.seconds += told.seconds
        failed = told.status != "completed"
        part.failed += failed
        words = [f"{plain(told.stage)} {duration(told.seconds)}"]
        if told.tokens or told.cost or told.unpriced:
            words += [f"{told.tokens:,} tok", cost(told.cost, told.unpriced)]
        if failed:
            words.append(plain(told.error) or told.status)
        return Line(f"{_CROSS if failed else _TICK} {' | '.join(words)}", "bad" if failed else "good")

    def ending(self, took: float) -> list[Shown]:
        """The table, the slowest first, and what it all came to; `took` is how long the app ran, in seconds."""
        if not self.parts:
            return [Line(f"No call to a model was seen in {duration(took)}.", "quiet")]
        slowest = sorted(self.parts.items(), key=lambda one: (-one[1].seconds, one[0]))
        whole = sum(part.seconds for _, part in slowest)
        heads = ("stage", "runs", "time", "share", "calls", "tokens", "cost")
        rows = tuple(_row(name, part, whole) for name, part in slowest)
        return [Table(heads, rows, len(heads) - 1), self._total(took), *self._refusals()]

    def _total(self, took: float) -> Line:
        parts = self.parts.values()
        calls, tokens = sum(part.calls for part in parts), sum(part.tokens for part in parts)
        nano, unpriced = sum(part.cost for part in parts), sum(part.unpriced for part in parts)
        words = f"Total: {duration(took)} | {number(calls, 'call')} | {tokens:,} tok | {cost(nano, unpriced)}"
        source = self._source(nano, calls) if tokens or nano or unpriced else "no usage"
        return Line(f"{words} ({source})", "warn" if unpriced else "plain")

    def _source(self, nano: int, calls: int) -> str:
        if not self._estimates:
            return "provider usage"
        if self.estimated == nano and (nano or self._estimates >= calls):
            return "estimated"
        return f"provider usage; {cost(self.estimated, self._unpriced_estimates)} of it estimated"

    def _refusals(self) -> list[Line]:
        refused = sum(self._denied.values())
        return [Line(f"Budgets refused {number(refused, 'attempt')}.", "bad")] if refused else []


def _row(name: str, part: Part, whole: float) -> tuple[str, ...]:
    runs = f"{part.runs} ({part.failed} failed)" if part.failed else str(part.runs or "-")
    time, share = duration(part.seconds), percent(part.seconds, whole)
    figures = (str(part.calls), f"{part.tokens:,}", spent(part.tokens, part.cost, part.unpriced))
    return (plain(name), runs, time, share, *figures)
