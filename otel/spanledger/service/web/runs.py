"""The pages of runs: a list of them, and one as a waterfall of its calls."""

from __future__ import annotations

from fastapi import APIRouter, Response

from spanledger.ledger.questions import runs as ledger
from spanledger.ledger.questions.filters import ALL
from spanledger.service import shown
from spanledger.service.access import needs
from spanledger.service.asked import limited
from spanledger.service.pages import cursor
from spanledger.service.problems import Problem
from spanledger.service.routes.calls import jaeger_of
from spanledger.service.web.calls import Id
from spanledger.service.web.looked import ViewOf
from spanledger.service.web.page import PageOf, PageRoute
from spanledger.service.web.waterfall import waterfall

router = APIRouter(route_class=PageRoute, include_in_schema=False, dependencies=[needs("read")])
#: Traces of a run that are linked.
_TRACES = 5


@router.get("/runs")
def runs(page: PageOf, view: ViewOf) -> Response:
    """The latest first, page by page."""
    asked, listed = view.asked, view.listed
    with page.service.reading() as connection:
        found = ledger.page(connection, asked.window, asked.only, after=listed.after, limit=listed.limit)
    rows = [shown.run(one) for one in found.runs]
    return page.shown("runs.html", "Runs", view, runs=rows, next=cursor(found.after), first=listed.after is None)


@router.get("/run")
def run(page: PageOf, id: Id) -> Response:  # noqa: A002  its name in the address
    """One run."""
    only = limited(ALL, page.caller)
    with page.service.reading() as connection:
        found = ledger.run(connection, id, only)
        rows = ledger.calls_of(connection, id, only)
    if found is None:
        raise Problem(404, "No run that you may see has this id. It may be older than what the ledger keeps.")
    traces = dict.fromkeys(one.trace_id for one in rows if one.trace_id)
    links = [(trace, jaeger_of(page.service, trace)) for trace in list(traces)[:_TRACES]]
    return page.shown(
        "run.html",
        "Run",
        run=shown.run(found),
        fall=waterfall([shown.call(one) for one in rows]),
        traces=links,
        more_traces=len(traces) - len(links),
        left_out=found.calls + found.refused + found.lost - len(rows),
    )
