"""The pages of single calls: a list of them, and one with why it cost what it cost."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from sqlalchemy import Connection, select

from spanledger.ledger.entry import Charge
from spanledger.ledger.questions import listing
from spanledger.ledger.questions.filters import ALL
from spanledger.ledger.schema import charges
from spanledger.service import shown
from spanledger.service.access import needs
from spanledger.service.asked import Text, limited
from spanledger.service.pages import cursor
from spanledger.service.problems import Problem
from spanledger.service.routes.calls import jaeger_of
from spanledger.service.web.looked import ViewOf
from spanledger.service.web.page import PageOf, PageRoute
from spanledger.service.web.why import rate, why

router = APIRouter(route_class=PageRoute, include_in_schema=False, dependencies=[needs("read")])
Id = Annotated[Text, Query(min_length=1)]


@router.get("/calls")
def calls(page: PageOf, view: ViewOf) -> Response:
    """The latest first, page by page."""
    asked, listed = view.asked, view.listed
    with page.service.reading() as connection:
        found = listing.page(connection, asked.window, asked.only, after=listed.after, limit=listed.limit)
    return page.shown(
        "calls.html",
        "Calls",
        view,
        calls=[shown.call(one) for one in found.calls],
        next=cursor(found.after),
        first=listed.after is None,
    )


@router.get("/call")
def call(page: PageOf, id: Id) -> Response:  # noqa: A002  its name in the address
    """One call."""
    with page.service.reading() as connection:
        found = listing.call(connection, id, limited(ALL, page.caller))
        paid = charged(connection, id)
    if found is None:
        raise Problem(404, "No call that you may see has this id. It may be older than what the ledger keeps.")
    one = shown.call(found)
    return page.shown(
        "call.html",
        "Call",
        call=one,
        why=why(page.service.book, found),
        charges=paid,
        rate=rate,
        jaeger=jaeger_of(page.service, one.trace_id),
    )


def charged(connection: Connection, id_: str) -> list[Charge]:
    """What budgets were charged for a call."""
    row = charges.c
    fields = (row.budget, row.scope_value, row.window, row.unit, row.amount)
    wanted = select(*fields).where(row.call == id_).order_by(*fields)
    return [Charge(*one) for one in connection.execute(wanted)]
