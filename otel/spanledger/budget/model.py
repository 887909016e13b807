"""What a budget is, whatever it was written in: environment, YAML file or code."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Decimal
from typing import Literal

from spanledger.budget.window import Window
from spanledger.money import NANO, nine_places, usd
from spanledger.scope import UNATTRIBUTED, Scope

Unit = Literal["USD", "tokens", "calls"]
Action = Literal["halt", "pause", "warn", "downgrade"]
Uncapped = Literal["inject", "refuse", "model_max"]

#: Dimensions that a budget can be kept for each value of. Also `baggage.<key>`, any entry of the W3C baggage.
DIMENSIONS = ("service", "tenant", "user", "session", "run", "stage", "model", "key", "agent")
BAGGAGE = "baggage."


#: Characters of a value that are kept; users may be named by whole tokens.
LONGEST = 256


def plain(value: str) -> str:
    """A value as counters are named: short, and of characters that every store and terminal takes.

    Any other is told by its beginning and a digest, so that no two of them become one.
    """
    if len(value) <= LONGEST and value.isprintable():
        return value
    shown = "".join(character if character.isprintable() else "?" for character in value[:64])
    return f"{shown}~{hashlib.sha256(value.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"


@dataclass(frozen=True, slots=True)
class Subject:
    """What a call is charged by: who pays, what works, and for which service."""

    payer: Scope
    service: str = ""
    model: str | None = None
    key: str | None = None
    """A fingerprint of the API key, never the key."""
    baggage: Mapping[str, str] = field(default_factory=dict, hash=False)

    def value(self, dimension: str) -> str:
        """The value of a dimension; `unattributed` where nobody said it, which is a value like any other."""
        found: object
        if dimension == "stage":
            found = self.payer.stage or self.payer.implied_stage
        elif dimension in ("service", "model", "key"):
            found = getattr(self, dimension)
        elif dimension.startswith(BAGGAGE):
            found = self.baggage.get(dimension.removeprefix(BAGGAGE))
        else:
            found = getattr(self.payer, dimension)
        return plain(str(found)) if found else UNATTRIBUTED


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be spent in a window by each value of a scope.

    `limit` and `warns` are whole numbers in the unit: nano-USD, tokens or calls; a `limit` of None only counts, and
    warns. `scope` are dimensions, each of whose values has a counter of its own; none is everything together. The
    budget applies to calls on which all of `only` agree.
    """

    name: str
    window: Window
    limit: int | None
    unit: Unit = "USD"
    scope: tuple[str, ...] = ()
    only: tuple[tuple[str, str], ...] = ()
    warns: tuple[int, ...] = ()
    action: Action = "halt"
    downgrade_to: str | None = None
    uncapped: Uncapped = "inject"
    """What becomes of a request without a cap on its output."""
    output_cap: int | None = None
    """The largest cap that is injected, in tokens."""
    wait: float = 0.0
    """Seconds that a call waits for room that calls under way may give back."""
    pause: float = 300.0
    """Seconds that a paused call waits for a decision."""
    on_store_error: Literal["closed", "open"] = "closed"
    abandoned: Literal["estimate", "hold"] = "estimate"
    """What a stream given up without usage is charged."""
    unbounded: Literal["refuse", "window"] = "refuse"
    """What becomes of a request whose worst case nobody knows, such as one with tools that the provider runs in a loop:
    refused, or held at one whole context window."""

    @property
    def hard(self) -> bool:
        """Whether it refuses calls, by whatever name."""
        return self.limit is not None and self.action != "warn"

    @property
    def thresholds(self) -> tuple[int, ...]:
        """Where it warns; one that only warns does so at its limit, too."""
        extra = () if self.hard or self.limit is None else (self.limit,)
        return tuple(sorted({*self.warns, *extra}))

    def applies(self, subject: Subject) -> bool:
        """Whether a call counts here at all."""
        return all(subject.value(dimension) == plain(wanted) for dimension, wanted in self.only)

    def value(self, subject: Subject) -> str:
        """The scope value that a call is charged to; several dimensions are joined by a comma, theirs escaped."""
        if len(self.scope) == 1:
            return subject.value(self.scope[0])
        values = (subject.value(dimension) for dimension in self.scope)
        return ",".join(value.replace("\\", "\\\\").replace(",", "\\,") for value in values)


def amount(unit: Unit, value: Decimal) -> int:
    """An amount in whole units; what is below a nano-USD is dropped, so that no limit is rounded up."""
    return int((value * NANO if unit == "USD" else value).to_integral_value(ROUND_FLOOR))


def in_unit(unit: str, value: int) -> Decimal:
    """An amount as people read it: USD instead of nano-USD, tokens and calls as they are."""
    return Decimal(value).scaleb(-9) if unit == "USD" else Decimal(value)


def told(unit: str, value: int) -> str:
    """An amount for people: `$0.25`, `1 call`, `9,000 tokens`."""
    return usd(value) if unit == "USD" else f"{value:,} {unit[:-1] if abs(value) == 1 else unit}"


def shown(unit: Unit, value: int) -> str:
    """An amount as listings show it: money as a decimal string in USD with nine places."""
    return nine_places(value) if unit == "USD" else str(value)
