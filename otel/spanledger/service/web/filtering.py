"""The form that chooses calls: it knows "any" and "not said", addresses say these by no and by an empty parameter."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ConfigDict

from spanledger.ledger.questions.filters import Filter
from spanledger.service.access import needs
from spanledger.service.asked import Text
from spanledger.service.web.looked import KEPT, address
from spanledger.service.web.page import NAV, PageRoute

router = APIRouter(route_class=PageRoute, include_in_schema=False, dependencies=[needs("read")])
_PATHS = frozenset(path for path, _ in NAV)


class _Form(BaseModel):
    """The fields. A filter that is empty stands for any, else it begins with `=`; the user is plain text."""

    model_config = ConfigDict(extra="forbid")

    to: Text = "/"
    time_window_minutes: Text = ""
    since: Text = ""
    until: Text = ""
    service: Text = ""
    environment: Text = ""
    operation: Text = ""
    stage: Text = ""
    provider: Text = ""
    model: Text = ""
    tenant: Text = ""
    user: Text = ""
    status: Text = ""


@router.get("/filter")
async def choose(form: Annotated[_Form, Query()]) -> Response:
    """To the page that was asked for."""
    given = {name: str(getattr(form, name)) for name in KEPT}
    exact = [name for name in Filter.__slots__ if name != "user"]
    params = {name: value[1:] if name in exact else value for name, value in given.items() if value}
    return RedirectResponse(address(form.to if form.to in _PATHS else "/", **params), 303)
