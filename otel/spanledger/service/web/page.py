"""What all pages share: who looks, how a page is made, and what is shown where there is none."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute

from spanledger.service.access import CallerOf
from spanledger.service.parts import Parts, Service
from spanledger.service.problems import said
from spanledger.service.tokens import Caller
from spanledger.service.web.choices import choices
from spanledger.service.web.forms import Forms
from spanledger.service.web.looked import WINDOWS, Place, View
from spanledger.service.web.templates import render

#: The header by which a page's own script asks for what changes of it.
REFRESH = "x-spanledger-refresh"
#: Seconds between two looks.
EVERY = 5
NAV = (
    ("/", "Overview"),
    ("/calls", "Calls"),
    ("/runs", "Runs"),
    ("/budgets", "Budgets"),
    ("/tenants", "Tenants"),
    ("/cache", "Cache"),
)
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True)
class Page:
    """One page for one caller."""

    request: Request
    caller: Caller
    service: Service
    forms: Forms

    @property
    def refreshing(self) -> bool:
        """Whether only what changes is wanted."""
        return REFRESH in self.request.headers

    def shown(self, template: str, title: str, view: View | None = None, **found: Any) -> HTMLResponse:
        """The page of a template; with a `view` it can be asked about other times and calls."""
        bar = None if view is None or self.refreshing else self._bar()
        text = render(
            template,
            layout="live.html" if self.refreshing else "page.html",
            title=title,
            bar=bar,
            view=view,
            **frame(self.request, self.caller, self.service),
            place=view.place if view else Place(self.request.url.path),
            form_token=self.forms.token,
            every=EVERY,
            **found,
        )
        response = HTMLResponse(text)
        self.forms.remember(response)
        return response

    def _bar(self) -> dict[str, Any]:
        """The choice of time and calls. A dead ledger is told by the page itself."""
        with self.service.reading() as connection:
            return {"choices": choices(connection, self.caller), "windows": WINDOWS}


def _page(request: Request, caller: CallerOf, service: Parts) -> Page:
    return Page(request, caller, service, Forms(request))


PageOf = Annotated[Page, Depends(_page)]


def frame(request: Request, caller: Caller | None, service: Service) -> dict[str, Any]:
    """What stands around every page."""
    return {
        "nav": NAV,
        "path": request.url.path,
        "caller": caller,
        "signs_in": service.tokens is not None,
        "now": service.clock(),
    }


class PageRoute(APIRoute):
    """A route whose errors are pages, too, and which nobody can frame or bring scripts into."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """As FastAPI has it, with that around it."""
        answered = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                response = await answered(request)
            except Exception as error:  # noqa: BLE001  what is not foreseen is said and logged, too
                response = _failed(request, error)
            for name, value in _HEADERS.items():
                response.headers[name] = value
            return response

        return handler


def _failed(request: Request, error: Exception) -> Response:
    status, detail, headers = said(error)
    if status == HTTPStatus.UNAUTHORIZED and REFRESH not in request.headers:
        return RedirectResponse(sign_in(request), 303)
    service: Service = request.app.state.service
    text = render(
        "error.html",
        layout="live.html" if REFRESH in request.headers else "page.html",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        bar=None,
        view=None,
        place=Place(request.url.path),
        form_token=Forms(request).token,
        every=EVERY if status == HTTPStatus.SERVICE_UNAVAILABLE and request.method == "GET" else 0,
        **frame(request, None, service),
    )
    kept = {name: value for name, value in headers.items() if name.lower() == "retry-after"}
    return HTMLResponse(text, status, kept)


def sign_in(request: Request) -> str:
    """Where to sign in, and come back from."""
    query = f"?{request.url.query}" if request.url.query else ""
    back = request.url.path + query if request.method == "GET" else "/"
    return "/sign-in" if back == "/" else f"/sign-in?{urlencode({'to': back})}"
