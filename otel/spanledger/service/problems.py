"""What is wrong with a request or with us, as `application/problem+json` (RFC 9457), with a sentence on what to do."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from sqlalchemy.exc import DataError, SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from spanledger.budget.store import StoreError
from spanledger.errors import ConfigError
from spanledger.ledger.overflow import SumError

MEDIA = "application/problem+json"
log = logging.getLogger("spanledger.service")

_NO_LEDGER = (
    "The ledger's database cannot be used now. Try again in a moment; if it stays so, look at SPANLEDGER_DATABASE_URL, "
    "the database's own log, and run: spanledger ledger migrate"
)
_NO_STORE = (
    "The store of the budgets cannot be reached now. Try again in a moment; if it stays so, see SPANLEDGER_STORE"
)
#: Where addresses begin that programs ask, whatever they say they accept.
_FOR_PROGRAMS = frozenset({"api", "admin", "v1", "metrics", "healthz", "readyz", "openapi.json", "static"})
_SENTENCES = {
    404: "There is nothing at this address. /openapi.json lists what there is.",
    405: "This address does not take this method; the header Allow says which it takes.",
}


class ProblemDetails(BaseModel):
    """Why there is no answer, as RFC 9457 has it."""

    type: str = Field("about:blank", description="A URI for the kind of problem; `about:blank`: the status says it.")
    title: str = Field(description="The status in words.", examples=["Not Found"])
    status: int = Field(description="The HTTP status.", examples=[404])
    detail: str = Field(description="What is wrong, and what to do.", examples=["No call has this id."])


class Problem(HTTPException):
    """Ends a request with a problem. Its detail is a sentence that says what to do."""


def answer(status: int, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """A problem as a response."""
    said = ProblemDetails(type="about:blank", title=HTTPStatus(status).phrase, status=status, detail=detail)
    return JSONResponse(said.model_dump(), status, {"Cache-Control": "no-store", **(headers or {})}, MEDIA)


class Said(NamedTuple):
    """What is said of an error, whether as JSON or on a page."""

    status: int
    detail: str
    headers: Mapping[str, str] = {}


def install(app: FastAPI, page: Callable[[Request, Exception], Response]) -> None:
    """Let every error of an app be answered so; to a person who looks for a page, as a `page`."""

    async def answered(request: Request, error: Exception) -> Response:
        return page(request, error) if _of_browser(request) else answer(*said(error))

    for kind in _SAYING:
        app.add_exception_handler(kind, answered)


def _of_browser(request: Request) -> bool:
    """Whether a person would read the answer: browsers ask for HTML by name where they go to a page."""
    room = request.url.path.strip("/").partition("/")[0]
    return room not in _FOR_PROGRAMS and "text/html" in request.headers.get("accept", "").lower()


def said(error: Exception) -> Said:
    """What to say of an error; what is our fault is logged."""
    return next(say(error) for kind, say in _SAYING.items() if isinstance(error, kind))


def _of_http(error: Exception) -> Said:
    assert isinstance(error, HTTPException)
    known = None if isinstance(error, Problem) else _SENTENCES.get(error.status_code)
    return Said(error.status_code, known or str(error.detail), error.headers or {})


def _of_input(error: Exception) -> Said:
    assert isinstance(error, RequestValidationError)
    return Said(422, told(error.errors()))


def told(errors: Sequence[Any]) -> str:
    """What a validation found, in a sentence; values are not repeated, they may be long or secret."""
    parts = [f"{_place(one['loc'])}: {one['msg']}" for one in errors[:5]]
    return f"The request cannot be understood. {'; '.join(parts)}. /openapi.json says what is taken."


def _place(place: Sequence[Any]) -> str:
    return ".".join(str(part) for part in place[1:]) or str(place[0] if place else "request")


def _of_leaving(_error: Exception) -> Said:
    return Said(400, "The connection was closed before the request was whole.")  # nobody hears it, the meters do


def _of_database(error: Exception) -> Said:
    if isinstance(error, DataError):
        return Said(422, "The database cannot take a value of this request; look for odd characters and huge numbers.")
    log.warning("the ledger's database cannot be used: %s", str(getattr(error, "orig", error)).partition("\n")[0])
    return Said(503, _NO_LEDGER, {"Retry-After": "5"})


def _of_sums(error: Exception) -> Said:
    return Said(422, f"{error}.")


def _of_store(error: Exception) -> Said:
    log.warning("the store of the budgets cannot be used: %s", error)
    return Said(503, _NO_STORE, {"Retry-After": "5"})


def _of_settings(error: Exception) -> Said:
    return Said(503, f"The service is not set up for this: {error}")


def _of_us(error: Exception) -> Said:
    log.error("a request failed", exc_info=error)
    return Said(500, "The service failed on this request; its log says why. Please report it.")


#: From the special to the general: the first that fits says it.
_SAYING: Mapping[type[Exception], Callable[[Exception], Said]] = {
    HTTPException: _of_http,
    RequestValidationError: _of_input,
    ClientDisconnect: _of_leaving,
    SQLAlchemyError: _of_database,
    SumError: _of_sums,
    StoreError: _of_store,
    ConfigError: _of_settings,
    Exception: _of_us,
}
