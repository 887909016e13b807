"""Whose a host is: the user's own word first, then the providers' own hosts, then what the path gives away."""

from __future__ import annotations

from spanledger_instrumentation.clients.whom import by_host
from spanledger_instrumentation.wire.paths import Route

_OLLAMA_PORT = 11434


class Hosts:
    """Names the provider behind a host. `told` are the pairs of `SPANLEDGER_WIRE_HOSTS`."""

    def __init__(self, told: tuple[tuple[str, str | None], ...] = ()) -> None:
        self._told = told

    def provider(self, host: str, port: int | None, route: Route, said: str | None = None) -> str | None:
        """Who answers there; None if the host is to be left alone, or is not known to speak the path's dialect.

        `said`: whom the span around the request calls. It is believed of hosts that nobody knows, where the path could
        be that provider's.
        """
        named = self._named(host, port)
        if named is not None:
            return named[1] if not route.bound or named[1] == route.provider else None
        if route.bound:
            return route.provider if said == route.provider or _speaks(route.provider, host, port) else None
        return by_host(host) or (said if said and route.provider == "openai" else route.provider)

    def sure(self, host: str, port: int | None) -> bool:
        """Whether it is known whose host this is, so that the path alone says that a model is asked."""
        return self._named(host, port) is not None or by_host(host) is not None

    def _named(self, host: str, port: int | None) -> tuple[str, str | None] | None:
        return next((pair for pair in self._told if _is(pair[0], host, port)), None)


def _is(named: str, host: str, port: int | None) -> bool:
    return named in (host, f"{host}:{port}") or (named[0] == "." and host.endswith(named))


def _speaks(provider: str, host: str, port: int | None) -> bool:
    """Whether a host is known to be a provider's whose paths other APIs have too."""
    if provider == "ollama":
        return port == _OLLAMA_PORT or "ollama" in host
    return by_host(host) == provider
