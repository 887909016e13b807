"""How the budgets stand that an app's calls are charged to: as the store has them, and never below what it told."""

from __future__ import annotations

from collections import Counter as Sums
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from spanledger.budget.listing import Row
from spanledger.budget.model import Budget, Unit
from spanledger.budget.store import Counter, StoreError
from spanledger.live.shown import Line, Tone
from spanledger.live.words import amount, bar, percent
from spanledger.pipeline.feed import Denied, Spent, Told
from spanledger.readable import plain

_Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Bar:
    """A budget of one scope value: what of its limit is spent. `over`: it refuses, or has refused, calls."""

    name: str
    whose: str
    unit: Unit
    spent: int
    limit: int
    first: int
    """The first warning; the limit where it has none."""
    over: bool = False

    @property
    def share(self) -> float:
        """Of the limit; a limit of 0 is spent from the beginning."""
        return self.spent / self.limit if self.limit else 1.0

    @property
    def tone(self) -> Tone:
        """Red at the limit, yellow from the first warning on."""
        if self.over or self.spent >= self.limit:
            return "bad"
        return "warn" if self.spent >= self.first else "good"

    @property
    def line(self) -> Line:
        """As a line."""
        whose = f" {plain(self.whose)}" if self.whose else ""
        spent = f"{amount(self.unit, self.spent).removesuffix(f' {self.unit}')} of {amount(self.unit, self.limit)}"
        text = f"{plain(self.name)}{whose} {bar(self.share)} {percent(self.share, 1)} | {spent}"
        return Line(f"{text}{self._state}", self.tone)

    @property
    def _state(self) -> str:
        """In words what the colour says."""
        if self.over:
            return " | has refused calls"
        if self.tone == "bad":
            return " | spent"
        return f" | past its warning at {amount(self.unit, self.first)}" if self.tone == "warn" else ""


def bar_of(budget: Budget, row: Row) -> Bar | None:
    """A row of the books as a bar; None where it has no limit."""
    if row.limit is None:
        return None
    first = min(budget.thresholds, default=row.limit)
    return Bar(row.name, row.scope_value, row.unit, row.spent, row.limit, first, row.halted)


class Standing:
    """What was charged, by counter. `rows` reads the books, where others can."""

    def __init__(self, budgets: Sequence[Budget], rows: Callable[[], Sequence[Row]]) -> None:
        self._budgets = {budget.name: budget for budget in budgets}
        self._rows = rows
        self._charged: Sums[tuple[str, ...]] = Sums()
        self._latest: dict[_Place, str] = {}
        self._denied: set[_Place] = set()
        self._shown: dict[_Place, tuple[Tone, int]] = {}

    def hear(self, told: Told) -> bool:
        """Something has happened; whether it changes how budgets stand."""
        if isinstance(told, Denied):
            self._denied.add((told.budget, told.scope_value))
            self._latest.setdefault((told.budget, told.scope_value), "")
            return True
        if not isinstance(told, Spent) or not told.charges:
            return False
        for charge in told.charges:
            self._charged[charge[:-1]] += charge.amount  # a counter, as a tuple
            self._latest[charge.budget, charge.scope_value] = charge.window
        return True

    def bars(self) -> list[Bar]:
        """The budgets that count its calls, in their order."""
        try:
            books = {(row.name, row.scope_value): row for row in self._rows()}
        except StoreError:
            books = {}
        order = list(self._budgets)
        known = (place for place in self._latest if place[0] in self._budgets)
        places = sorted(known, key=lambda place: (order.index(place[0]), place[1]))
        found = (self._bar(place, books.get(place)) for place in places)
        return [bar for bar in found if bar is not None]

    def _bar(self, place: _Place, row: Row | None) -> Bar | None:
        budget = self._budgets[place[0]]
        if row is None:
            counter = Counter(*place, self._latest[place], budget.unit)
            row = Row(*place, counter.window, budget.unit, budget.limit, 0, 0, 0, halted=False, counters=(counter,))
        made = bar_of(budget, row)
        if made is None:
            return None
        heard = sum(self._charged[counter] for counter in row.counters)
        return replace(made, spent=max(made.spent, heard), over=made.over or place in self._denied)

    def news(self) -> list[Line]:
        """The bars that have moved by a tenth, or changed their colour, since they were last shown."""
        moved = []
        for one in self.bars():
            now = (one.tone, int(one.share * 10))
            if self._shown.get((one.name, one.whose)) != now:
                self._shown[one.name, one.whose] = now
                moved.append(one.line)
        return moved
