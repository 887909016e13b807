"""The books of one process: counters, the holds under way, and those that are over. Whoever uses them holds a lock."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from spanledger.budget.retention import DAY, past
from spanledger.budget.standing import Standing
from spanledger.budget.store import Claim, Counter, Figures, Gap, HoldState

#: How many holds are remembered after their end, so that a second settlement is known as one.
KEPT = 1024


@dataclass(slots=True)
class Row(Standing):
    """A counter. `base` is what was committed by hand, and by holds that are forgotten."""

    refused: int = 0
    base: int = 0
    touched: float = 0.0

    def figures(self) -> Figures:
        """As others see it."""
        return Figures(self.committed, self.held, self.limit, self.halted, self.refused)


@dataclass(slots=True)
class Held:
    """A hold, with the rows of its counters at hand. `charged` is all 0 while it is open."""

    counters: list[Counter]
    rows: list[Row]
    amounts: list[int]
    charged: list[int]
    expires: float
    state: HoldState = "open"


class Rows:
    """Counters by name, holds by id: `open` ones, `lapsed` ones that expired, and the last that are `over`."""

    def __init__(self) -> None:
        self.rows: dict[Counter, Row] = {}
        self.open: dict[str, Held] = {}
        self.lapsed: dict[str, Held] = {}
        self.over: dict[str, Held] = {}
        self._due = math.inf
        self._sweep_at = KEPT

    def row(self, counter: Counter, now: float) -> Row:
        """The row of a counter that is about to be changed."""
        if (row := self.rows.get(counter)) is None:
            if len(self.rows) >= self._sweep_at:
                self._sweep(now)
            row = self.rows[counter] = Row()
        row.touched = now
        return row

    def find(self, hold: str) -> Held | None:
        """A hold, whatever became of it."""
        return self.open.get(hold) or self.lapsed.get(hold) or self.over.get(hold)

    def take(self, hold: str, claims: Sequence[Claim], now: float, expires: float) -> None:
        """Open a hold."""
        amounts = [claim.amount for claim in claims]
        held = self._blank(claims, amounts, now, expires)
        for row, amount in zip(held.rows, amounts, strict=True):
            row.held += amount
        self.open[hold] = held
        self._due = min(self._due, expires)

    def add(self, hold: str, claims: Sequence[Claim], now: float, expires: float) -> None:
        """Put more into an open hold; into one that expired, the charge grows."""
        held = self.find(hold)
        if held is None:
            self.take(hold, claims, now, expires)
        elif held.state == "open":
            for place, (row, claim) in enumerate(zip(held.rows, claims, strict=True)):
                row.held += claim.amount
                row.touched = now
                held.amounts[place] += claim.amount
            held.expires = expires
            self._due = min(self._due, expires)
        elif held.state == "expired":
            self._charge(held, [had + claim.amount for had, claim in zip(held.charged, claims, strict=True)], now)

    def end(self, hold: str, state: Literal["settled", "released"], charged: Sequence[int], now: float) -> None:
        """End a hold that is open or has expired."""
        if held := self.open.pop(hold, None):
            _give_back(held)
        else:
            held = self.lapsed.pop(hold)
        self._close(hold, held, state, charged, now)

    def book(self, hold: str, claims: Sequence[Claim], charged: Sequence[int], now: float) -> None:
        """Charge what an unknown hold has used."""
        self._close(hold, self._blank(claims, [0] * len(claims), now, now), "settled", charged, now)

    def expire(self, now: float) -> int:
        """Charge the open holds whose time is over; how many there were."""
        if now < self._due:
            return 0
        ended = [hold for hold, held in self.open.items() if held.expires <= now]
        for hold in ended:
            held = self.lapsed[hold] = self.open.pop(hold)
            _give_back(held)
            held.state = "expired"
            self._charge(held, held.amounts, now)
        self._due = min((held.expires for held in self.open.values()), default=math.inf)
        return len(ended)

    def drop_open(self) -> None:
        """Forget the open holds as if they had never been."""
        for held in self.open.values():
            _give_back(held)
        self.open.clear()
        self._due = math.inf

    def gaps(self) -> Iterator[Gap]:
        """Where the rows are not what holds and base add up to."""
        committed = {counter: row.base for counter, row in self.rows.items()}
        held = dict.fromkeys(self.rows, 0)
        for one in (*self.open.values(), *self.lapsed.values(), *self.over.values()):
            for counter, amount, charged in zip(one.counters, one.amounts, one.charged, strict=True):
                committed[counter] = committed.get(counter, 0) + charged
                held[counter] = held.get(counter, 0) + (amount if one.state == "open" else 0)
        for counter, journal in committed.items():
            row = self.rows.get(counter, Row())
            if row.committed != journal:
                yield Gap(counter, "committed", row.committed, journal)
            if row.held != held[counter]:
                yield Gap(counter, "held", row.held, held[counter])

    def _blank(self, claims: Sequence[Claim], amounts: list[int], now: float, expires: float) -> Held:
        counters = [claim.counter for claim in claims]
        return Held(counters, [self.row(counter, now) for counter in counters], amounts, [0] * len(counters), expires)

    def _charge(self, held: Held, charged: Sequence[int], now: float) -> None:
        for row, was, amount in zip(held.rows, held.charged, charged, strict=True):
            row.committed += amount - was
            row.touched = now
        held.charged = list(charged)

    def _close(
        self, hold: str, held: Held, state: Literal["settled", "released"], charged: Sequence[int], now: float
    ) -> None:
        self._charge(held, charged, now)
        held.state = state
        self.over[hold] = held
        if len(self.over) > KEPT:
            self._forget(self.over.pop(next(iter(self.over))))

    def _forget(self, held: Held) -> None:
        for row, charged in zip(held.rows, held.charged, strict=True):
            row.base += charged

    def _sweep(self, now: float) -> None:
        """Forget counters that are past; rare enough to cost next to nothing for each call."""
        while self.over:
            self._forget(self.over.popitem()[1])
        in_use = {counter for held in (*self.open.values(), *self.lapsed.values()) for counter in held.counters}
        for counter, row in list(self.rows.items()):
            if counter not in in_use and past(counter, now - row.touched, runs=DAY):
                del self.rows[counter]
        self._sweep_at = 2 * len(self.rows) + KEPT


def _give_back(held: Held) -> None:
    for row, amount in zip(held.rows, held.amounts, strict=True):
        row.held -= amount
