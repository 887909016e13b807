"""All pages together."""

from __future__ import annotations

from fastapi import APIRouter

from spanledger.service.web import (
    assets,
    budget_pages,
    caches,
    calls,
    filtering,
    overview,
    runs,
    signing,
    tenants,
)

router = APIRouter(include_in_schema=False)
for subject in (assets, overview, calls, runs, budget_pages, tenants, caches, filtering, signing):
    router.include_router(subject.router)
