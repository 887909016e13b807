"""The books of one process: counters, the holds under way, and those that are over. Whoever uses them holds a lock."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from spanledger.budget.retention import DAY, past
from spanledger.budget.standing import Standing
from spanledger.budget.store import Claim, Counter, Figures, Gap

#: How many holds are remembered after their end, so that a second settlement is known as one.
KEPT = 1024


@dataclass(slots=True)
class Row(Standing):
    """A counter. `base` is what of `committed` is final, by settlements and by hand; `touched` when, if ever."""

    refused: int = 0
    base: int = 0
    touched: float | None = None

    def figures(self) -> Figures:
        """As others see it."""
        return Figures(self.committed, self.held, self.limit, self.halted, self.refused)


@dataclass(slots=True)
class Held:
    """A hold that is not over, with the rows of its counters at hand. `charged` is None until it expires."""

    claims: tuple[Claim, ...]
    rows: list[Row]
    amounts: list[int]
    expires: float
    charged: list[int] | None = None

    @property
    def counters(self) -> tuple[Counter, ...]:
        """What it holds of, in the order of rows and amounts."""
        return tuple(claim.counter for claim in self.claims)


class Rows:
    """Counters by name, holds by id: `open` ones, `lapsed` ones that expired, and ids of the last that are `over`."""

    def __init__(self) -> None:
        self.rows: dict[Counter, Row] = {}
        self.open: dict[str, Held] = {}
        self.lapsed: dict[str, Held] = {}
        self.over: set[str] = set()
        self._ended: deque[str] = deque()
        self._due = math.inf
        self._sweep_at = KEPT

    def of(self, claims: Sequence[Claim]) -> list[Row]:
        """The rows of these claims, to be looked at: new ones are not kept yet."""
        rows = self.rows
        return [rows.get(claim.counter) or Row() for claim in claims]

    def touch(self, counter: Counter, row: Row, now: float) -> Row:
        """Keep a row that is about to be changed."""
        if row.touched is None:
            self.rows[counter] = row
        row.touched = now
        return row

    def row(self, counter: Counter, now: float) -> Row:
        """The row of a counter that is about to be changed."""
        return self.touch(counter, self.rows.get(counter) or Row(), now)

    def find(self, hold: str) -> Held | None:
        """A hold that is not over."""
        return self.open.get(hold) or self.lapsed.get(hold)

    def take(self, hold: str, claims: Sequence[Claim], rows: list[Row], now: float, expires: float) -> None:
        """Open a hold on the rows of these claims."""
        self.open[hold] = Held(tuple(claims), rows, self._hold(rows, claims, now, expires), expires)

    def add(self, hold: str, claims: Sequence[Claim], now: float, expires: float) -> None:
        """Put more into an open hold; into one that expired, the charge grows."""
        if (held := self.find(hold)) is None:
            self.take(hold, claims, self.of(claims), now, expires)
        elif held.charged is None:
            more = self._hold(held.rows, claims, now, expires)
            held.amounts = [had + amount for had, amount in zip(held.amounts, more, strict=True)]
            held.expires = expires
        else:
            held.charged = [was + claim.amount for was, claim in zip(held.charged, claims, strict=True)]
            for row, claim in zip(held.rows, claims, strict=True):
                row.committed += claim.amount
                row.touched = now

    def end(self, hold: str, charged: Sequence[int], now: float) -> list[Row]:
        """End a hold with its charge, in place of what it holds or was charged before; the rows of its counters."""
        if held := self.open.pop(hold, None):
            amounts = held.amounts
            for place, row in enumerate(held.rows):
                charge = charged[place]
                row.held -= amounts[place]
                row.committed += charge
                row.base += charge
                row.touched = now
        else:
            held = self.lapsed.pop(hold)
            for row, was, charge in zip(held.rows, held.charged or (), charged, strict=True):
                row.committed += charge - was
                row.base += charge
                row.touched = now
        self._remember(hold, now)
        return held.rows

    def book(self, hold: str, claims: Sequence[Claim], charged: Sequence[int], now: float) -> list[Row]:
        """Charge what an unknown hold has used; the rows of its counters."""
        rows = [self.row(claim.counter, now) for claim in claims]
        for row, charge in zip(rows, charged, strict=True):
            row.committed += charge
            row.base += charge
        self._remember(hold, now)
        return rows

    def expire(self, now: float) -> int:
        """Charge the open holds whose time is over; how many there were."""
        if now < self._due:
            return 0
        ended = [hold for hold, held in self.open.items() if held.expires <= now]
        for hold in ended:
            held = self.lapsed[hold] = self.open.pop(hold)
            held.charged = held.amounts
            for row, amount in zip(held.rows, held.amounts, strict=True):
                row.held -= amount
                row.committed += amount
                row.touched = now
        self._due = min((held.expires for held in self.open.values()), default=math.inf)
        return len(ended)

    def drop_open(self) -> None:
        """Forget the open holds as if they had never been."""
        for held in self.open.values():
            for row, amount in zip(held.rows, held.amounts, strict=True):
                row.held -= amount
        self.open.clear()

    def gaps(self) -> Iterator[Gap]:
        """Where the rows are not what holds and base add up to."""
        committed = {counter: row.base for counter, row in self.rows.items()}
        held = dict.fromkeys(self.rows, 0)
        for one in (*self.open.values(), *self.lapsed.values()):
            figure, amounts = (held, one.amounts) if one.charged is None else (committed, one.charged)
            for counter, amount in zip(one.counters, amounts, strict=True):
                figure[counter] += amount
        for counter, row in self.rows.items():
            if row.committed != committed[counter]:
                yield Gap(counter, "committed", row.committed, committed[counter])
            if row.held != held[counter]:
                yield Gap(counter, "held", row.held, held[counter])

    def _hold(self, rows: list[Row], claims: Sequence[Claim], now: float, expires: float) -> list[int]:
        amounts = [claim.amount for claim in claims]
        for place, row in enumerate(rows):
            if row.touched is None:
                self.touch(claims[place].counter, row, now)
            row.held += amounts[place]
        self._due = min(self._due, expires)
        return amounts

    def _remember(self, hold: str, now: float) -> None:
        """That it is over."""
        self.over.add(hold)
        self._ended.append(hold)
        if len(self._ended) > KEPT:
            self.over.discard(self._ended.popleft())
        if len(self.rows) > self._sweep_at:
            self._sweep(now)

    def _sweep(self, now: float) -> None:
        """Forget counters that are past; rare enough to cost next to nothing for each call."""
        for hold in [hold for hold, held in self.lapsed.items() if now - held.expires > DAY]:
            self._forget(self.lapsed.pop(hold))
        in_use = {counter for held in (*self.open.values(), *self.lapsed.values()) for counter in held.counters}
        for counter, row in list(self.rows.items()):
            if counter not in in_use and past(counter, now - (row.touched or now), runs=DAY):
                del self.rows[counter]
        self._sweep_at = 2 * len(self.rows) + KEPT

    def _forget(self, held: Held) -> None:
        for row, charged in zip(held.rows, held.charged or (), strict=True):
            row.base += charged
