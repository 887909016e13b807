"""Forms that only our own pages can send.

Two walls: the browser must say that the request is from our own pages (`access.same_origin`), and the form must hold a
token that only a page of this browser's can know. It is made of a random cookie and the token that the browser is
signed in with, so nothing is kept here, and it holds in every process of the service.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from fastapi import Request, Response

from spanledger.service.access import COOKIE, same_origin
from spanledger.service.problems import Problem

_COOKIE = "spanledger_form"
_LONGEST = 128
_STALE = "This form is of another sitting. Go back, load the page again, and send it once more."


def keep(request: Request, response: Response, name: str, value: str) -> None:
    """Set a cookie that no script and no other site sees; it is forgotten with the browser."""
    response.set_cookie(name, value, httponly=True, samesite="strict", secure=request.url.scheme == "https")


class Forms:
    """The forms of one request."""

    def __init__(self, request: Request) -> None:
        self._request = request
        known = request.cookies.get(_COOKIE, "")
        self._fresh = not 0 < len(known) <= _LONGEST
        self._secret = secrets.token_urlsafe(32) if self._fresh else known

    @property
    def token(self) -> str:
        """What the hidden field of a form holds."""
        signed_in = self._request.cookies.get(COOKIE, "")
        return hmac.new(self._secret.encode(), signed_in.encode("utf-8", "replace"), hashlib.sha256).hexdigest()

    def remember(self, response: Response) -> None:
        """Let the browser have what its forms are made of."""
        if self._fresh:
            keep(self._request, response, _COOKIE, self._secret)

    def check(self, token: str) -> None:
        """Raises Problem, 403, where a form is not from our own pages."""
        if (
            self._fresh
            or not same_origin(self._request)
            or not hmac.compare_digest(token.encode(), self.token.encode())
        ):
            raise Problem(403, _STALE)
