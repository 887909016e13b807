"""`/metrics`: for Prometheus to scrape."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse
from prometheus_client import CollectorRegistry, generate_latest

from spanledger.service.access import CallerOf, needs
from spanledger.service.meters import BudgetGauges, Meters
from spanledger.service.parts import Parts
from spanledger.service.problems import Problem

router = APIRouter(tags=["probes"], dependencies=[needs("read")])
_MEDIA = "text/plain; version=0.0.4; charset=utf-8"


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(request: Request, caller: CallerOf, service: Parts) -> PlainTextResponse:
    """The service's own requests and failures, and how the budgets stand."""
    if caller.tenant is not None:
        raise Problem(403, f"The token {caller.name!r} is for one tenant alone; metrics are of all. See /api/budgets.")
    meters: Any = request.app.state.meters
    assert isinstance(meters, Meters)
    budgets = CollectorRegistry()
    budgets.register(BudgetGauges(service.books))
    return PlainTextResponse(generate_latest(meters.registry) + generate_latest(budgets), media_type=_MEDIA)
