"""The page of tenants: what each company used, and its bill as a file."""

from __future__ import annotations

from fastapi import APIRouter, Response

from spanledger.report.made import bill as billed
from spanledger.report.model import Period, Table
from spanledger.report.reading import Reading
from spanledger.report.render import as_csv
from spanledger.service.access import needs
from spanledger.service.figures import at
from spanledger.service.routes.calls import tenants as answer
from spanledger.service.web.choices import choices
from spanledger.service.web.looked import View, ViewOf
from spanledger.service.web.page import Page, PageOf, PageRoute

#: Rows of each list; the files have all.
_MOST = 200
router = APIRouter(route_class=PageRoute, include_in_schema=False, dependencies=[needs("read")])


@router.get("/tenants")
def tenants(page: PageOf, view: ViewOf) -> Response:
    """What each tenant used, the one that costs most first."""
    names: tuple[str, ...] = ()
    if page.caller.tenant is None:
        with page.service.reading() as connection:
            names = choices(connection, page.caller)["tenant"]
    found = answer(view.asked, page.service).tenants
    bill = [] if view.asked.only.tenant is None else _bill(page, view).records()
    return page.shown(
        "tenants.html",
        "Tenants",
        view,
        tenants=found[:_MOST],
        more=len(found[_MOST:]),
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
