"""Whether an attempt that brought no answer may be billed. Whatever is not known for certain counts as billed."""

from __future__ import annotations

#: Errors of the HTTP libraries (httpx, aiohttp, urllib3 and the system) that come before a request has left.
_NEVER_SENT = frozenset(
    {
        "ConnectError", "ConnectTimeout", "PoolTimeout", "UnsupportedProtocol", "InvalidURL", "LocalProtocolError",
        "ClientConnectorError", "ClientConnectorDNSError", "ClientConnectorCertificateError", "ConnectionTimeoutError",
        "NewConnectionError", "ConnectTimeoutError", "NameResolutionError",
        "ConnectionRefusedError", "gaierror", "SSLCertVerificationError",
    }
)  # fmt: skip
#: A request was read, but the client or a gateway gave up waiting for its answer.
_GIVEN_UP = frozenset({408, 499})
#: Errors by which a provider says itself that it did no work; a gateway's 502 and 504 say nothing of what is behind it.
_NO_WORK = frozenset({500, 501, 503, 505, 529})


def billed(error: BaseException, before: BaseException | None = None) -> bool:
    """Whether a request may have been billed that ended with this error.

    `before` is the error that the app was handling when the request was made, such as that of its first attempt: it is
    in the context of every later one, and says nothing of this request.
    """
    seen: BaseException | None = error
    while seen is not None and seen is not before:
        if type(seen).__name__ in _NEVER_SENT:
            return False
        seen = seen.__cause__ or seen.__context__
    return True


def billed_status(status: int) -> bool:
    """Whether a request may have been billed that was answered with this HTTP status of 300 or more."""
    return status in _GIVEN_UP or (status >= 500 and status not in _NO_WORK)
