"""A hold that outlives its call: what a call began in the background is settled by whoever reads how it ended."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from spanledger.budget.model import Budget
from spanledger.budget.register import Place
from spanledger.budget.store import Counter
from spanledger.budget.window import Window

#: Stands for the window of a budget that this process does not have: its counters are named, not looked up.
_ANY = Window("total")


@dataclass(frozen=True, slots=True)
class Part:
    """What a deferred hold holds of one counter. `also` are the other sub-windows of a rolling window."""

    counter: Counter
    amount: int
    also: tuple[Counter, ...] = ()


@dataclass(frozen=True, slots=True)
class Deferred:
    """A hold with all that another process needs to settle it."""

    hold: str
    parts: tuple[Part, ...]

    @classmethod
    def by(cls, hold: str, places: Sequence[Place], amounts: Sequence[int]) -> Deferred:
        """A hold of these amounts in these places."""
        parts = zip(places, amounts, strict=True)
        return cls(hold, tuple(Part(place.counter, amount, place.also) for place, amount in parts))

    @classmethod
    def of(cls, text: str) -> Deferred:
        """Reads back what `text` wrote."""
        found: dict[str, Any] = json.loads(text)
        return cls(
            found["hold"],
            tuple(
                Part(Counter.of(key), amount, tuple(Counter.of(one) for one in also))
                for key, amount, also in found["parts"]
            ),
        )

    @property
    def text(self) -> str:
        """As one string."""
        parts = [(part.counter.key, part.amount, [one.key for one in part.also]) for part in self.parts]
        return json.dumps({"hold": self.hold, "parts": parts}, separators=(",", ":"))

    def places(self, budgets: Sequence[Budget]) -> tuple[Place, ...]:
        """The places, by the budgets of this process; those that it does not have only count, without warnings."""
        known = {(budget.name, budget.unit): budget for budget in budgets}

        def budget_of(counter: Counter) -> Budget:
            return known.get((counter.budget, counter.unit)) or Budget(counter.budget, _ANY, None, counter.unit)

        return tuple(Place(budget_of(part.counter), part.counter, part.also) for part in self.parts)
