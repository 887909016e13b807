"""Who may ask what. Every route names the scope that it needs; a caller without it, or unknown, gets no further."""

from __future__ import annotations

import math
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from spanledger.service.parts import Parts
from spanledger.service.problems import Problem
from spanledger.service.tokens import SCOPES, Caller, Scope

#: The cookie that a page signs in with holds a token, too.
COOKIE = "spanledger_token"
#: Whoever asks where no tokens are set: then only this host can.
LOCAL = Caller("local", frozenset(SCOPES))
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_bearer = HTTPBearer(auto_error=False, description="A token of the file SPANLEDGER_SERVICE_TOKENS.")


def caller_of(
    request: Request,
    service: Parts,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
) -> Caller:
    """Who asks.

    Raises:
        Problem: 401 for nobody we know, 403 for what another site makes a browser ask, 429 for too often.
    """
    if bearer is None and request.method not in _SAFE and not same_origin(request):
        raise Problem(
            403, "Another site made your browser ask for this. Go to the service's own pages, or give a token."
        )
    token = bearer.credentials if bearer else request.cookies.get(COOKIE)
    caller = LOCAL
    if service.tokens is not None:
        known = service.tokens.caller(token, service.clock()) if token else None
        if known is None:
            counted(service, f"host {request.client.host if request.client else ''}")
            raise Problem(401, _UNKNOWN, {"WWW-Authenticate": "Bearer"})
        caller = known
    counted(service, f"token {caller.name}")
    return caller


#: A parameter of this type is who asks.
CallerOf = Annotated[Caller, Depends(caller_of)]
_UNKNOWN = (
    "Give a token that is known here: Authorization: Bearer TOKEN. Whoever runs the service makes one with: "
    "spanledger serve token NAME --scope read"
)


def needs(scope: Scope) -> Any:
    """What a router declares: `dependencies=[needs("read")]`."""

    def check(caller: CallerOf) -> None:
        if not caller.may(scope):
            raise Problem(403, f"The token {caller.name!r} lacks the scope {scope!r}; ask for one that has it.")

    return Depends(check)


def same_origin(request: Request) -> bool:
    """Whether a request is not one that a browser sends for another site.

    Browsers say so in Sec-Fetch-Site, older ones in Origin; what sends neither is no browser.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host", "")


def counted(service: Parts, who: str) -> None:
    """Count a request of somebody. Raises Problem, 429, for one too many."""
    if seconds := service.rate.wait(who):
        wait = str(math.ceil(seconds))
        rate = service.settings.service_rate
        raise Problem(
            429, f"More than {rate}. Ask again in {wait} s, or see SPANLEDGER_SERVICE_RATE.", {"Retry-After": wait}
        )
