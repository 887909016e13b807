"""What the calls cost, summed up, and whether the provider counts the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from demo.spans import Tokens
from demo.trees import Call


@dataclass(frozen=True)
class Sum:
    """Calls taken together."""

    calls: int = 0
    tokens: Tokens = field(default_factory=Tokens)
    seconds: float = 0.0
    usd: Decimal = Decimal(0)
    """What the priced calls cost."""
    unpriced: int = 0
    """Calls without a known price."""
    estimated: int = 0
    """Calls whose tokens are an estimate."""

    @classmethod
    def of(cls, call: Call) -> Sum:
        """One call."""
        unpriced, estimated = int(call.usd is None), int(call.estimated)
        return cls(1, call.tokens, call.seconds, call.usd or Decimal(0), unpriced, estimated)

    def __add__(self, other: Sum) -> Sum:
        """Both together."""
        return Sum(
            calls=self.calls + other.calls,
            tokens=self.tokens + other.tokens,
            seconds=self.seconds + other.seconds,
            usd=self.usd + other.usd,
            unpriced=self.unpriced + other.unpriced,
            estimated=self.estimated + other.estimated,
        )

    @property
    def source(self) -> str:
        """Where its tokens come from."""
        if not self.estimated:
            return "provider usage"
        return "estimated" if self.estimated == self.calls else f"{self.estimated} of {self.calls} estimated"


@dataclass(frozen=True)
class Match:
    """One model in both books."""

    model: str
    provider: Sum
    spans: Sum

    @property
    def agrees(self) -> bool:
        """Whether calls and tokens are the same to the last token."""
        return self.provider.calls == self.spans.calls and self.provider.tokens == self.spans.tokens


def total(calls: Iterable[Call]) -> Sum:
    """All calls together."""
    return sum((Sum.of(call) for call in calls), Sum())


def by(key: Callable[[Call], str], calls: Iterable[Call]) -> dict[str, Sum]:
    """The calls summed up by a property of theirs, the slowest first."""
    sums: dict[str, Sum] = {}
    for call in calls:
        name = key(call) or "unattributed"
        sums[name] = sums.get(name, Sum()) + Sum.of(call)
    return dict(sorted(sums.items(), key=lambda item: -item[1].seconds))


def compared(calls: Iterable[Call], bill: Mapping[str, Any]) -> list[Match]:
    """The spans beside the bill of the simulated provider (`GET /_bill`), model by model."""
    spans = by(lambda call: call.model, calls)
    billed = {model: _billed(entry) for model, entry in bill["by_model"].items()}
    return [Match(model, billed.get(model, Sum()), spans.get(model, Sum())) for model in sorted({*spans, *billed})]


def _billed(entry: Mapping[str, int]) -> Sum:
    tokens = Tokens(entry["input_tokens"], entry["cached_tokens"], entry["output_tokens"], entry["reasoning_tokens"])
    return Sum(calls=entry["requests"], tokens=tokens)
