"""What the ledger and the budgets say of this moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from spanledger.budget.listing import Row
from spanledger.budget.model import Budget
from spanledger.ledger.questions import queries, runs
from spanledger.ledger.questions.filters import Window
from spanledger.ledger.questions.results import Totals
from spanledger.live.shown import Line, Shown, Table
from spanledger.live.standing import Bar, bar_of
from spanledger.live.words import cost, number, percent, spent
from spanledger.money import NANO, usd
from spanledger.readable import duration, plain

#: Rows of a table.
ROWS = 5
#: Budgets that are shown.
BARS = 8
#: Seconds without a call after which a run no longer counts as running, and for how long runs are looked for.
SILENT, LONGEST = 60, 86_400
#: What is told apart, and the word for calls where nobody said it.
GROUPS = ("stage", "model", "tenant")
NOBODY = "(none)"
_GAP = Line("")


@dataclass(frozen=True, slots=True)
class Now:
    """The last `minutes`, whole ones: sums, the dearest by group, the runs that are running, and their budgets.

    `at` is seconds since the epoch. The name of a group is empty where nobody said it.
    """

    at: float
    minutes: int
    totals: Totals
    top: dict[str, tuple[tuple[str, Totals], ...]]
    running: tuple[runs.Run, ...]
    budgets: tuple[Bar, ...]

    @property
    def per_minute(self) -> int:
        """What a minute costs, in nano-USD, as far as it is known."""
        return round(self.totals.cost / self.minutes)


def now(connection: Connection, at: float, minutes: int, budgets: Sequence[Budget], rows: Sequence[Row]) -> Now:
    """How it stands at a time. The minute that is not over is the last one."""
    window = Window.of(at - (minutes - 1) * 60, at + 1)
    running = _running(connection, at)
    return Now(
        at=at,
        minutes=minutes,
        totals=queries.totals(connection, window),
        top={group: _dearest(queries.by(connection, group, window)) for group in GROUPS},
        running=running,
        budgets=_bars(budgets, rows, {run.id for run in running}),
    )


def _dearest(found: dict[str, Totals]) -> tuple[tuple[str, Totals], ...]:
    order = sorted(found.items(), key=lambda one: (-one[1].cost, -one[1].unpriced, -one[1].calls, one[0]))
    return tuple(order[:ROWS])


def _bars(budgets: Sequence[Budget], rows: Sequence[Row], running: set[str]) -> tuple[Bar, ...]:
    """Those that are nearest to their limits; of budgets of runs only those of runs that are running."""
    by_name = {budget.name: budget for budget in budgets}
    held = (row for row in rows if by_name[row.name].window.kind != "run" or running & {row.window, row.scope_value})
    bars = (bar_of(by_name[row.name], row) for row in held)
    found = sorted((bar for bar in bars if bar is not None), key=lambda bar: (-bar.share, bar.name, bar.whose))
    return tuple(found[:BARS])


def _running(connection: Connection, at: float) -> tuple[runs.Run, ...]:
    page = runs.page(connection, Window.of(at - LONGEST, at + 1), limit=50)
    return tuple(run for run in page.runs if run.ended >= (at - SILENT) * NANO)[:ROWS]


def frame(found: Now) -> list[Shown]:
    """A screen of it."""
    sums = found.totals
    per_minute = "-" if sums.known is None else usd(found.per_minute)
    whole = f"{cost(sums.cost, sums.unpriced)} in {number(found.minutes, 'minute')}"
    calls = f"{number(sums.calls, 'call')} ({sums.errors + sums.timeouts:,} failed, {sums.refused:,} refused)"
    return [
        Line(f"{per_minute} a minute | {whole} | {calls} | {sums.tokens:,} tok", "warn" if sums.unpriced else "plain"),
        *(bar.line for bar in found.budgets),
        *(shown for group, rows in found.top.items() if rows for shown in (_GAP, _table(group, rows, sums.cost))),
        _GAP,
        _runs(found) if found.running else Line("No run has made a call in the last minute.", "quiet"),
    ]


def _table(group: str, rows: Sequence[tuple[str, Totals]], whole: int) -> Table:
    heads = (group, "calls", "tokens", "mean", "share", "cost")
    shown = tuple(
        (
            plain(name) or NOBODY,
            f"{sums.calls:,}",
            f"{sums.tokens:,}",
            "-" if sums.mean is None else duration(sums.mean / NANO),
            "-" if sums.known is None else percent(sums.cost, whole),
            spent(sums.tokens, sums.cost, sums.unpriced),
        )
        for name, sums in rows
    )
    return Table(heads, shown, 5)


def _runs(found: Now) -> Table:
    heads = ("running", "tenant", "for", "calls", "tokens", "cost")
    rows = tuple(
        (
            plain(run.id),
            plain(run.tenant or NOBODY),
            duration(max(0.0, found.at - run.started / NANO)),
            f"{run.calls:,}",
            f"{run.input + run.output:,}",
            cost(run.cost, run.unpriced),
        )
        for run in found.running
    )
    return Table(heads, rows, 4)
