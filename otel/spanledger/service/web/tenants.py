"""The page of tenants: what each company used, and its bill as a file."""

from __future__ import annotations

from fastapi import APIRouter, Response

from spanledger.ledger.questions import tenants as ledger
from spanledger.report.made import bill as billed
from spanledger.report.model import Period, Table
from spanledger.report.reading import Reading
from spanledger.report.render import as_csv
from spanledger.service import shown
from spanledger.service.access import needs
from spanledger.service.figures import at
from spanledger.service.pages import cursor
from spanledger.service.web.choices import choices
from spanledger.service.web.looked import View, ViewOf
from spanledger.service.web.page import Page, PageOf, PageRoute

#: Models of a bill that are shown; the file has all.
_MOST = 200
router = APIRouter(route_class=PageRoute, include_in_schema=False, dependencies=[needs("read")])


@router.get("/tenants")
def tenants(page: PageOf, view: ViewOf) -> Response:
    """What each tenant used, the one that costs most first."""
    asked, listed = view.asked, view.listed
    with page.service.reading() as connection:
        found = ledger.page(connection, asked.window, asked.only, after=listed.after, limit=listed.limit)
        names = choices(connection, page.caller)["tenant"] if page.caller.tenant is None else None
    bill = [] if asked.only.tenant is None else _bill(page, view).records()
    return page.shown(
        "tenants.html",
        "Tenants",
        view,
        tenants=[shown.tenant(one) for one in found.tenants],
        dearest=found.dearest,
        next=cursor(found.after),
        first=listed.after is None,
        names=names,
        bill=bill[:_MOST],
        more_models=len(bill[_MOST:]),
    )


@router.get("/tenants.csv")
def bill(page: PageOf, view: ViewOf) -> Response:
    """The bill by tenant and model, as the report has it."""
    asked = view.asked
    table = _bill(page, view)
    name = f"bill-{at(asked.window.since):%Y%m%dT%H%M}-{at(asked.window.until):%Y%m%dT%H%M}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(as_csv(table), media_type="text/csv; charset=utf-8", headers=headers)


def _bill(page: Page, view: View) -> Table:
    """The report's table."""
    asked = view.asked
    with page.service.reading() as connection:
        [table] = billed(Reading(connection, Period(asked.window, asked.at), asked.only))
    return table
