"""Where every request of the HTTP libraries passes: lets by what is none of ours, meters or refuses the rest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import NoReturn

from opentelemetry import trace

from spanledger.call import Calls, claimed
from spanledger.errors import BudgetExceeded, Refusal, log
from spanledger_instrumentation.adapter import Understanding
from spanledger_instrumentation.clients.keys import fingerprint, given
from spanledger_instrumentation.clients.sizes import sent
from spanledger_instrumentation.refusal import refuse
from spanledger_instrumentation.wire.exchange import Exchange
from spanledger_instrumentation.wire.hosts import Hosts
from spanledger_instrumentation.wire.paths import Route, route
from spanledger_instrumentation.wire.reading import reading
from spanledger_instrumentation.wire.recognise import called_around, recognise

#: Headers that vouch for the very bytes of a body.
_SEALS = ("content-digest", "content-md5", "digest", "signature", "x-amz-content-sha256", "transfer-encoding")


#: Host and port (None for the scheme's own).
Server = tuple[str, int | None]


def sealed(headers: Mapping[str, str]) -> bool:
    """Whether a body must be sent as it is, because it is signed or its length is told otherwise."""
    return headers.get("authorization", "").startswith("AWS4-") or any(name in headers for name in _SEALS)


class Gate:
    """One for all libraries, so that what one has learnt of a host holds for all."""

    def __init__(self, calls: Calls) -> None:
        self.calls = calls
        self._hosts = Hosts(calls.settings.wire_hosts or ())
        self._mode = calls.settings.wire
        self._understanding = Understanding(calls, "wire")
        self._warned: set[str] = set()
        #: Fields that we add and servers refuse.
        self._refused: defaultdict[Server, set[str]] = defaultdict(set)

    @staticmethod
    def route(method: str, url: str) -> Route | None:
        """What a request may ask a model for, by its method and URL or path; None of all traffic that is not ours."""
        if method.upper() != "POST":
            return None
        found = route(url)
        return None if found is None or claimed() else found

    def begin(
        self, found: Route, server: Server, body: object, headers: Mapping[str, str], *, may_ask: bool
    ) -> Exchange | None:
        """The exchange for a request that asks a model to work; None if it does not, or cannot be understood.

        `may_ask`: the library can send another body, one that asks for usage or caps the output; not where the headers
        vouch for the app's own.

        Raises:
            BudgetExceeded: Calls that no SDK adapter has claimed are refused. Nothing was sent.
        """
        with self._understanding:
            asked = recognise(found, *server, body, self._hosts, called_around(trace.get_current_span()))
            if asked is None:
                return None
            asked = replace(asked, key=fingerprint(given(headers)))
            read = reading(asked, capture=self.calls.settings.capture_content == "span")
            if self._mode == "deny":
                self._refuse(Exchange(self.calls, read, self._refused[server]))
            if self._mode == "warn":
                self._warn(asked.host)
            may_alter = may_ask and not sealed(headers)
            return Exchange(self.calls, read, self._refused[server], sent=sent(body), may_alter=may_alter)
        return None

    def _warn(self, host: str) -> None:
        if host not in self._warned:
            self._warned.add(host)
            log.warning("a model is called at %s past the adapters of SDKs; metered on the wire", host)

    @staticmethod
    def _refuse(exchange: Exchange) -> NoReturn:
        """A refused call is a span too."""
        refusal = Refusal("SPANLEDGER_WIRE=deny", "misconfigured", detail="the call passes no SDK that is metered")
        exchange.fail(BudgetExceeded(refusal))
        refuse(refusal)
