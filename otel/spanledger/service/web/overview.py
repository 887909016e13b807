"""The first page: what is spent, what is ahead, and what it is spent on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from fastapi import APIRouter, Response

from spanledger.budget.store import StoreError
from spanledger.ledger.questions import queries
from spanledger.ledger.questions.filters import Filter, Window
from spanledger.service.access import needs
from spanledger.service.answers.metrics import Cost, Costs, OperationSpeed, Performance
from spanledger.service.figures import at
from spanledger.service.metrics.costs import GROUPS, costs
from spanledger.service.metrics.performance import performance
from spanledger.service.metrics.reading import Reading
from spanledger.service.metrics.rest import cache
from spanledger.service.problems import said
from spanledger.service.web.budgets import Standing, standing, standings
from spanledger.service.web.burning import value_of
from spanledger.service.web.looked import ViewOf
from spanledger.service.web.page import Page, PageOf, PageRoute
from spanledger.service.web.series import series, step_of

router = APIRouter(route_class=PageRoute, include_in_schema=False, dependencies=[needs("read")])
#: Rows of each list, and budgets that are shown.
_TOP, _BUDGETS = 6, 6
#: How the rest of today, and a month, are told.
_BASIS = {
    "last_days": ("at the daily profile of the last {days}", "at the rate of the last {days}"),
    "today": ("at today's rate so far", "at today's rate so far"),
    "none": ("no calls to tell from", "no calls to tell from"),
}


@dataclass(frozen=True, slots=True)
class Top:
    """What costs most of one kind: `by` names it; each with its figures. `more` are not shown."""

    by: str
    title: str
    rows: tuple[tuple[str, Cost], ...]
    more: int

    @property
    def dearest(self) -> int:
        """What the first one cost."""
        return max((cost.cost_nano_usd for _, cost in self.rows), default=0)


@router.get("/")
def overview(page: PageOf, view: ViewOf) -> Response:
    """Everything at a glance."""
    asked = view.asked
    with page.service.reading() as connection:
        reading = Reading(connection, asked, GROUPS)
        spent = costs(reading)
        fast = performance(reading)
        found = {
            "caches": cache(reading),
            "today": queries.totals(connection, _since_midnight(asked.at), asked.only),
            "month": queries.totals(connection, _since_midnight(asked.at, day=1), asked.only),
            "points": series(connection, asked.window, asked.only),
        }
    (rows, more), against, failed = _budgets(page, asked.only)
    return page.shown(
        "overview.html",
        "Overview",
        view,
        costs=spent,
        speed=fast.all_operations,
        basis=[basis.format(days=_days(spent.projection.days)) for basis in _BASIS[spent.projection.method]],
        tops=_tops(spent, reading),
        operations=_operations(spent, fast),
        more_operations=len(reading.by("operation")) - _TOP,
        budgets=rows,
        more_budgets=more,
        against=against,
        store_down=failed,
        step=step_of(asked.window),
        **found,
    )


def _days(number: int) -> str:
    return "whole day" if number == 1 else f"{number} whole days"


def _since_midnight(now: float, day: int | None = None) -> Window:
    """Since this day began, or another of this month; UTC."""
    today = at(now).replace(hour=0, minute=0, second=0, microsecond=0)
    return Window.of(today.replace(day=day or today.day).timestamp(), now)


def _budgets(page: Page, only: Filter) -> tuple[tuple[list[Standing], bool], dict[str, Standing | None], str]:
    """The fullest first, and those of the very calls that are looked at, by the day and by the month.

    Or why nobody can tell; the rest of the page does not need them.
    """
    try:
        against = {kind: _against(page, kind, only) for kind in ("day", "month")}
        return standings(page.service.books, page.caller, _BUDGETS), against, ""
    except StoreError as error:
        return ([], False), {"day": None, "month": None}, said(error).detail


def _against(page: Page, kind: str, only: Filter) -> Standing | None:
    """The budget of the very calls that are looked at, in USD with a limit, in such a window."""
    books = page.service.books
    for budget in books.budgets():
        value = value_of(budget, only)
        if budget.window.kind == kind and budget.unit == "USD" and value is not None:
            found = standing(books, page.caller, budget.name, value, None)
            if found is not None and found.row.limit is not None:
                return found
    return None


def _tops(spent: Costs, reading: Reading) -> tuple[Top, ...]:
    found: dict[str, tuple[str, Iterable[tuple[str, Cost]]]] = {
        "stage": ("Stages", ((one.stage, one) for one in spent.by_stage)),
        "model": ("Models", ((one.model, one) for one in spent.by_model)),
        "tenant": ("Tenants", ((one.tenant, one) for one in spent.by_tenant)),
    }
    return tuple(
        Top(by, title, tuple(islice(rows, _TOP)), len(reading.by(by)) - _TOP) for by, (title, rows) in found.items()
    )


def _operations(spent: Costs, fast: Performance) -> list[tuple[OperationSpeed, Cost]]:
    """Those that cost most, the first of all first: how they did, and what they cost."""
    speeds = {one.operation: one for one in fast.top_operations}
    return [(speeds[one.operation], one) for one in spent.by_operation[:_TOP] if one.operation in speeds]
