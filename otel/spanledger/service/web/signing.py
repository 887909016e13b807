"""Signing in with a token, which then is in a cookie that no script sees, and never in an address."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from spanledger.service.access import COOKIE, counted
from spanledger.service.asked import Text
from spanledger.service.parts import Parts, Service
from spanledger.service.web.forms import Forms, keep
from spanledger.service.web.looked import Place
from spanledger.service.web.page import PageRoute, frame
from spanledger.service.web.templates import render

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_WRONG = "This token is not known here, or has expired. Ask whoever runs the service for another one."


@router.get("/sign-in")
def form(request: Request, service: Parts, to: Annotated[Text, Query()] = "/") -> Response:
    """The page; where nobody needs to sign in, the first one."""
    return _form(request, service, to) if service.tokens is not None else RedirectResponse("/", 303)


@router.post("/sign-in")
def sign_in(
    request: Request,
    service: Parts,
    token: Annotated[Text, Form()] = "",
    form_token: Annotated[Text, Form()] = "",
    to: Annotated[Text, Form()] = "/",
) -> Response:
    """Take a token, if it is one."""
    Forms(request).check(form_token)
    counted(service, f"host {request.client.host if request.client else ''}")
    token = token.strip()
    if service.tokens is not None and service.tokens.caller(token, service.clock()) is None:
        return _form(request, service, to, _WRONG)
    response = RedirectResponse(_ours(to), 303)
    if service.tokens is not None:
        keep(request, response, COOKIE, token)
    return response


@router.post("/sign-out")
def sign_out(request: Request, form_token: Annotated[Text, Form()] = "") -> Response:
    """Forget the token."""
    Forms(request).check(form_token)
    response = RedirectResponse("/sign-in", 303)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return response


def _form(request: Request, service: Service, to: str, wrong: str = "") -> Response:
    forms = Forms(request)
    text = render(
        "sign_in.html",
        layout="page.html",
        title="Sign in",
        to=_ours(to),
        wrong=wrong,
        bar=None,
        view=None,
        place=Place("/sign-in"),
        form_token=forms.token,
        every=0,
        **frame(request, None, service),
    )
    response = HTMLResponse(text, 401 if wrong else 200)
    forms.remember(response)
    return response


def _ours(to: str) -> str:
    """An address of our own to go back to; one that a browser could take for another site's is none."""
    plain = to.isprintable() and to.startswith("/") and not to.startswith("//") and "\\" not in to
    return to if plain else "/"
