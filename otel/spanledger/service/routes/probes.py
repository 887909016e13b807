"""Whether the service lives, and whether it can work: for orchestrators, without a token."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from spanledger.ledger.migrate import HEAD, version
from spanledger.service.parts import Parts
from spanledger.service.problems import Problem

router = APIRouter(tags=["probes"])


class Alive(BaseModel):
    """The one answer."""

    status: Literal["ok"] = "ok"


@router.get("/healthz")
async def healthz() -> Alive:
    """The process answers."""
    return Alive()


@router.get("/readyz")
def readyz(service: Parts) -> Alive:
    """The ledger's tables are there and of this version, and the store of the budgets answers."""
    with service.reading() as connection:
        found = version(connection)
    if found != HEAD:
        raise Problem(503, f"The ledger's tables are of version {found}, not {HEAD}; run: spanledger ledger migrate")
    service.books.reach()
    return Alive()
