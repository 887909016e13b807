"""What stands in the books, as listings show it: one row for each budget and scope value."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from spanledger.budget.model import Budget, Unit, shown
from spanledger.budget.register import counters
from spanledger.budget.search import Search
from spanledger.budget.store import Counter, Figures, Store, together


@dataclass(frozen=True, slots=True)
class Row:
    """A budget as it stands for one scope value, in the window that holds now. Amounts are whole numbers of `unit`.

    `limit` None: it only counts. `projected` is what will have been spent at the end of the window at the rate so far;
    None where the window has no end or has hardly begun. `counters` are those it adds up: the one that is charged now,
    then the older parts of a rolling window; `raised` are those of them that have a limit of their own.
    """

    name: str
    scope_value: str
    window: str
    unit: Unit
    limit: int | None
    spent: int
    held: int
    refused: int
    halted: bool
    counters: tuple[Counter, ...]
    raised: tuple[Counter, ...] = ()
    projected: int | None = None

    @property
    def remaining(self) -> int | None:
        """What is left; below 0 where more was used than held, or the limit was lowered."""
        return None if self.limit is None else self.limit - self.spent - self.held

    def as_json(self) -> dict[str, object]:
        """With money as decimal strings in USD, so that nobody reads it as a float."""
        return {
            "name": self.name,
            "scope_value": self.scope_value,
            "window": self.window,
            "unit": self.unit,
            "limit": exact(self.unit, self.limit),
            "spent": exact(self.unit, self.spent),
            "held": exact(self.unit, self.held),
            "remaining": exact(self.unit, self.remaining),
            "refused": self.refused,
            "halted": self.halted,
            "projected": exact(self.unit, self.projected),
        }


def exact(unit: Unit, value: int | None) -> str | int | None:
    """An amount for JSON: money as a decimal string in USD, tokens and calls as whole numbers."""
    return value if value is None or unit != "USD" else shown(unit, value)


#: A projection wants this share of its window to have passed.
ENOUGH = 0.02


def rows(budgets: Sequence[Budget], store: Store) -> list[Row]:
    """The rows of all budgets, in their order; scope values by name. `global` is there before its first call."""
    now = store.now()
    found: defaultdict[tuple[str, Unit], dict[Counter, Figures]] = defaultdict(dict)
    for counter, figures in store.figures().items():
        found[counter.budget, counter.unit][counter] = figures
    return [row for budget in budgets for row in _of(budget, found[budget.name, budget.unit], now)]


def fullest(budgets: Sequence[Budget], store: Store, number: int) -> list[Row]:
    """The rows of each budget that need somebody first, so many of each: the halted ones, then the fullest."""
    now = store.now()
    return [row for budget in budgets for row in _of(budget, store.search(_search(budget, now, number)), now)]


def page(budget: Budget, store: Store, after: str, number: int) -> list[tuple[str, Row]]:
    """So many rows of a budget behind a place, as `rows` has them, each with its place; "" is before the first."""
    now = store.now()
    search = replace(_search(budget, now, number), after=after)
    found = [(search.place(row.counters[0]), row) for row in _of(budget, store.search(search), now)]
    return [(place, row) for place, row in found if place > after]  # that of `global` is there without a counter, too


def _search(budget: Budget, now: float, number: int) -> Search:
    windows = () if budget.window.kind == "run" else budget.window.ids(now, "")
    return Search(budget.name, budget.unit, windows, budget.limit, number)


def row(budget: Budget, value: str, run: str, store: Store) -> Row | None:
    """The row of one scope value, without a look at any other; `run` is the window of a budget by the run.

    None where nothing was ever counted, or so little that it is as if it had not been.
    """
    now = store.now()
    of = counters(budget, value, run, now)
    found = {counter: store.figure(counter) for counter in of}
    if budget.scope and all(figures == Figures() for figures in found.values()):
        return None
    return _row(budget, of, found, _share(budget, now))


def _of(budget: Budget, mine: dict[Counter, Figures], now: float) -> Iterable[Row]:
    share = _share(budget, now)
    if budget.window.kind == "run":
        for value, run in sorted({(counter.value, counter.window) for counter in mine}):
            yield _row(budget, counters(budget, value, run, now), mine, share)
        return
    windows = budget.window.ids(now, "")
    current = set(windows)
    values = {counter.value for counter in mine if counter.window in current}
    for value in sorted(values | (set() if budget.scope else {""})):
        of = tuple(Counter(budget.name, value, window, budget.unit) for window in windows)
        yield _row(budget, of, mine, share)


def _row(budget: Budget, of: tuple[Counter, ...], found: dict[Counter, Figures], share: float | None) -> Row:
    parts = [found.get(counter, Figures()) for counter in of]
    figures = parts[0] if len(parts) == 1 else together(parts)
    return Row(
        name=budget.name,
        scope_value=of[0].value,
        window=of[0].window,
        unit=budget.unit,
        limit=budget.limit if figures.limit is None else figures.limit,
        spent=figures.committed,
        held=figures.held,
        refused=figures.refused,
        halted=figures.halted,
        counters=of,
        raised=tuple(counter for counter, part in zip(of, parts, strict=True) if part.limit is not None),
        projected=None if share is None else round(figures.committed / share),
    )


def _share(budget: Budget, now: float) -> float | None:
    """How much of its window has passed; None where that is not enough to tell what the rest will bring."""
    began, ends = budget.window.began(now), budget.window.ends(now)
    if began is None or ends is None or budget.window.rolling:
        return None
    share = (now - began) / (ends - began)
    return share if share >= ENOUGH else None
