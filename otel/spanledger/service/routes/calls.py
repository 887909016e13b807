"""`/api/calls`, `/api/runs`, `/api/traces`, `/api/tenants`: what the sums are made of."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Path

from spanledger.ledger.questions import listing, runs, singles, tenants
from spanledger.ledger.questions.filters import ALL
from spanledger.service import shown
from spanledger.service.access import CallerOf, needs
from spanledger.service.answers.calls import Call, Calls, OneRun, Runs, Sums, Tenants, Trace
from spanledger.service.asked import limited
from spanledger.service.pages import ListedOf, cursor
from spanledger.service.parts import Parts, Service
from spanledger.service.problems import Problem
from spanledger.service.routes.metrics import head

router = APIRouter(prefix="/api", tags=["calls"], dependencies=[needs("read")])
Id = Annotated[str, Path(min_length=1, max_length=512, pattern=r"^[^\x00]*$")]


@router.get("/calls")
def calls(listed: ListedOf, service: Parts) -> Calls:
    """Single calls and lost attempts, the latest first, page by page; late ones stand where they belong."""
    asked = listed.asked
    with service.reading() as connection:
        page = listing.page(connection, asked.window, asked.only, after=listed.after, limit=listed.limit)
    return Calls(calls=[shown.call(one) for one in page.calls], next=cursor(page.after), **head(asked))


@router.get("/calls/{id:path}")
def call(id: Id, caller: CallerOf, service: Parts) -> Call:  # noqa: A002  its name in the address
    """One call by its id."""
    with service.reading() as connection:
        found = listing.call(connection, id, limited(ALL, caller))
    if found is None:
        raise Problem(404, "No call that you may see has this id; /api/calls lists them.")
    return shown.call(found)


@router.get("/runs")
def all_runs(listed: ListedOf, service: Parts) -> Runs:
    """The runs that began in the window and have such calls, the latest first, page by page."""
    asked = listed.asked
    with service.reading() as connection:
        page = runs.page(connection, asked.window, asked.only, after=listed.after, limit=listed.limit)
    return Runs(runs=[shown.run(one) for one in page.runs], next=cursor(page.after), **head(asked))


@router.get("/runs/{id:path}")
def run(id: Id, caller: CallerOf, service: Parts) -> OneRun:  # noqa: A002  as above
    """One run with its calls."""
    only = limited(ALL, caller)
    with service.reading() as connection:
        found = runs.run(connection, id, only)
        rows = runs.calls_of(connection, id, only)
    if found is None:
        raise Problem(404, "No run that you may see has this id; /api/runs lists them.")
    return OneRun(run=shown.run(found), calls=[shown.call(one) for one in rows])


@router.get("/traces/{id}")
def trace(id: Id, caller: CallerOf, service: Parts) -> Trace:  # noqa: A002  as above
    """The calls of one trace."""
    only = limited(ALL, caller)
    with service.reading() as connection:
        rows = listing.trace(connection, id.lower(), only)
        sums = singles.of_trace(connection, id.lower(), only)
    if not rows:
        raise Problem(404, "No call that you may see belongs to this trace; the id has 32 hexadecimal digits.")
    return Trace(
        trace_id=id.lower(),
        jaeger_url=jaeger_of(service, id.lower()),
        totals=Sums(**shown.sums(sums)),
        calls=[shown.call(one) for one in rows],
    )


def jaeger_of(service: Service, trace_id: str | None) -> str | None:
    """A trace in Jaeger, where it is told where that is."""
    base = service.settings.jaeger_url
    return f"{base}/trace/{quote(trace_id, safe='')}" if base and trace_id else None


@router.get("/tenants")
def all_tenants(listed: ListedOf, service: Parts) -> Tenants:
    """What each tenant used, the one that costs most first, page by page: what a bill per company is made of.

    While calls are added a tenant's place may change; give an `until` that is over, and pages have each of them once.
    """
    asked = listed.asked
    with service.reading() as connection:
        page = tenants.page(connection, asked.window, asked.only, after=listed.after, limit=listed.limit)
    return Tenants(tenants=[shown.tenant(one) for one in page.tenants], next=cursor(page.after), **head(asked))
