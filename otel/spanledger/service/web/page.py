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
from spanledger.service.problems import Problem, said
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


#: What people are told where nobody else has a word for it, by status.
_TITLES = {404: "Not here", 405: "Not that way", 422: "Not understood", 500: "Failed", 503: "Not now"}
_SENTENCES = {
    404: "There is no page at this address. It may be misspelt, or from another version; the bar above has all pages.",
    405: "This page cannot be asked for in this way. Go to it by a link or by its address.",
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
                response = failed(request, error)
            response.headers.update(_HEADERS)
            return response

        return handler


def failed(request: Request, error: Exception) -> Response:
    """The page that says what is wrong, and where to go from here; to the sign-in for whoever is not known."""
    status, detail, headers = said(error)
    if status == HTTPStatus.UNAUTHORIZED and REFRESH not in request.headers:
        return RedirectResponse(sign_in(request), 303)
    service: Service = request.app.state.service
    text = render(
        "error.html",
        layout="live.html" if REFRESH in request.headers else "page.html",
        title=_TITLES.get(status, HTTPStatus(status).phrase),
        status=status,
        detail=plain(detail if isinstance(error, Problem) else _SENTENCES.get(status, detail)),
        bar=None,
        view=None,
        place=Place(request.url.path),
        form_token=Forms(request).token,
        every=EVERY if status == HTTPStatus.SERVICE_UNAVAILABLE and request.method == "GET" else 0,
        **frame(request, None, service),
    )
    kept = {name: value for name, value in headers.items() if name.lower() in ("retry-after", "allow")}
    return HTMLResponse(text, status, {**kept, **_HEADERS})


def plain(detail: str) -> str:
    """What is wrong, without where programs would look it up."""
    return detail.replace("The request cannot be understood. ", "").replace(" /openapi.json says what is taken.", "")


def sign_in(request: Request) -> str:
    """Where to sign in, and come back from."""
    query = f"?{request.url.query}" if request.url.query else ""
    back = request.url.path + query if request.method == "GET" else "/"
    return "/sign-in" if back == "/" else f"/sign-in?{urlencode({'to': back})}"
