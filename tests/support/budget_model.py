"""What a store of budget counters must do, as plainly as it can be said: the yardstick of every store.

Written from the docstrings of `spanledger.budget.store` and from nothing else. It keeps every hold for ever and adds
everything up anew each time it is asked, so there is nothing that could run apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from spanledger.budget.store import Claim, Counter, Denied, Entry, Figures, Kind, Settled

LEAST_HOPE = ("exhausted", "too_large", "insufficient", "in_flight")


@dataclass
class ModelHold:
    counters: list[Counter]
    amounts: list[int]
    expires: float
    state: str = "open"
    charged: list[int] | None = None


@dataclass
class ModelCounter:
    by_hand: int = 0
    limit: int | None = None
    halted: bool = False
    refused: int = 0
    warned: int = -1


@dataclass
class Model:
    now: Callable[[], float]
    holds: dict[str, ModelHold] = field(default_factory=dict)
    counters: dict[Counter, ModelCounter] = field(default_factory=dict)
    audit: list[tuple[Counter, str, int | None]] = field(default_factory=list)

    def committed(self, counter: Counter) -> int:
        charges = sum(
            charge
            for hold in self.holds.values()
            for one, charge in zip(hold.counters, hold.charged or [], strict=False)
            if one == counter
        )
        return charges + self.counters.get(counter, ModelCounter()).by_hand

    def held(self, counter: Counter) -> int:
        return sum(
            amount
            for hold in self.holds.values()
            for one, amount in zip(hold.counters, hold.amounts, strict=True)
            if one == counter and hold.state == "open"
        )

    def figures(self) -> dict[Counter, Figures]:
        return {
            counter: Figures(self.committed(counter), self.held(counter), kept.limit, kept.halted, kept.refused)
            for counter, kept in self.counters.items()
        }

    def reserve(self, hold: str, claims: Sequence[Claim], ttl: float) -> Denied | None:
        self.expire()
        if hold in self.holds:
            return None
        if refusal := self._refusal(claims):
            return refusal
        self._keep(claims)
        self.holds[hold] = ModelHold([c.counter for c in claims], [c.amount for c in claims], self.now() + ttl)
        return None

    def settle(self, hold: str, claims: Sequence[Claim], actual: Sequence[int]) -> Settled:
        if hold not in self.holds:
            self.holds[hold] = ModelHold([c.counter for c in claims], [0 for _ in claims], self.now())
        found = self.holds[hold]
        if found.state in ("settled", "released"):
            return Settled(first=False)
        late = found.state == "expired"
        found.state, found.charged = "settled", list(actual)
        self._keep(claims)
        return Settled(first=True, late=late, crossed=self._crossed(claims))

    def release(self, hold: str) -> None:
        found = self.holds.get(hold)
        if found and found.state == "open":
            found.state, found.charged = "released", [0 for _ in found.counters]

    def extend(self, hold: str, claims: Sequence[Claim], ttl: float) -> Denied | None:
        found = self.holds.get(hold)
        if found and found.state in ("settled", "released"):
            return None
        if refusal := self._refusal(claims):
            return refusal
        self._keep(claims)
        if found is None:
            self.holds[hold] = ModelHold([c.counter for c in claims], [c.amount for c in claims], self.now() + ttl)
        elif found.charged is None:
            found.amounts = [a + c.amount for a, c in zip(found.amounts, claims, strict=True)]
            found.expires = self.now() + ttl
        else:
            found.charged = [a + c.amount for a, c in zip(found.charged, claims, strict=True)]
        return None

    def convert(
        self, hold: str, part: str, claims: Sequence[Claim], spent: Sequence[int], keep: Sequence[int], ttl: float
    ) -> Settled:
        if part in self.holds:
            return Settled(first=False)
        self.holds[part] = ModelHold([c.counter for c in claims], [0 for _ in claims], self.now(), "settled", [*spent])
        self._keep(claims)
        found = self.holds.get(hold)
        late = found is None or found.state != "open"
        if found and found.state == "open":
            found.amounts, found.expires = list(keep), self.now() + ttl
        elif found and found.state == "expired":
            found.charged = list(keep)
        if found and found.state in ("open", "expired") and not any(keep):
            found.state, found.charged = "settled", list(keep)
        return Settled(late=late, crossed=self._crossed(claims))

    def refuse(self, refused: Mapping[Counter, int]) -> None:
        for counter, number in refused.items():
            self.counters.setdefault(counter, ModelCounter()).refused += number

    def expire(self) -> int:
        overdue = [hold for hold in self.holds.values() if hold.state == "open" and hold.expires <= self.now()]
        for hold in overdue:
            hold.state, hold.charged = "expired", list(hold.amounts)
        return len(overdue)

    def raise_limit(self, counter: Counter, limit: int) -> None:
        kept = self.counters.setdefault(counter, ModelCounter())
        kept.limit, kept.halted = limit, False
        self.audit.append((counter, "raise", limit))

    def reset(self, counter: Counter) -> None:
        kept = self.counters.setdefault(counter, ModelCounter())
        kept.limit, kept.halted = None, False
        self.audit.append((counter, "reset", None))

    def adjust(self, counter: Counter, delta: int) -> int:
        done = max(delta, -self.committed(counter))
        self.counters.setdefault(counter, ModelCounter()).by_hand += done
        self.audit.append((counter, "adjust", done))
        return done

    def _keep(self, claims: Sequence[Claim]) -> None:
        for claim in claims:
            self.counters.setdefault(claim.counter, ModelCounter())

    def _refusal(self, claims: Sequence[Claim]) -> Denied | None:
        found = [denied for index, claim in enumerate(claims) if (denied := self._denied(index, claim))]
        for denied in found:
            counter = claims[denied.index].counter
            kept = self.counters.setdefault(counter, ModelCounter())
            kept.refused += 1 if claims[denied.index].counted else 0
            if denied.halted and not kept.halted:
                kept.halted = True
                self.audit.append((counter, "halt", None))
        return min(found, key=lambda one: LEAST_HOPE.index(one.kind), default=None)

    def _denied(self, index: int, claim: Claim) -> Denied | None:
        kept = self.counters.get(claim.counter, ModelCounter())
        parts = [self.counters.get(counter, ModelCounter()) for counter in (claim.counter, *claim.also)]
        limit = next((part.limit for part in parts if part.limit is not None), claim.limit)
        if claim.limit is None or limit is None:
            return None
        committed = sum(self.committed(counter) for counter in (claim.counter, *claim.also))
        held = sum(self.held(counter) for counter in (claim.counter, *claim.also))
        kind: Kind
        if kept.halted or committed >= limit:
            kind = "exhausted"
        elif committed + held + claim.amount <= limit:
            return None
        elif claim.amount > limit:
            kind = "too_large"
        elif committed + claim.amount <= limit:
            kind = "in_flight"
        else:
            kind = "insufficient"
        hopeless = kind == "exhausted" or (kind == "insufficient" and held == 0)
        return Denied(index, kind, limit, committed, held, claim.amount, kept.halted or (claim.sticky and hopeless))

    def _crossed(self, claims: Sequence[Claim]) -> tuple[tuple[Counter, int], ...]:
        found: list[tuple[Counter, int]] = []
        for claim in claims:
            parts = (claim.counter, *claim.also)
            committed = sum(self.committed(part) for part in parts)
            warned = max(self.counters.get(part, ModelCounter()).warned for part in parts)
            due = [amount for amount in claim.warns if warned < amount <= committed]
            if due:
                self.counters[claim.counter].warned = max(due)
            found += [(claim.counter, amount) for amount in due]
        return tuple(found)


def summary(entries: Sequence[Entry]) -> list[tuple[Counter, str, int | None]]:
    """An audit as the model has it."""
    return [(entry.counter, entry.action, entry.amount) for entry in entries]
