"""Where telemetry is sent, as the `OTEL_EXPORTER_OTLP_*` variables say it, and whether that can be right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

_SIGNALS = ("", "_TRACES", "_METRICS")
_DEFAULT_PORTS = {"grpc": 4317, "http/protobuf": 4318}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address that telemetry goes to, and the variable that says so. `problem` says why it cannot be used."""

    variable: str
    url: str
    host: str = ""
    port: int = 0
    problem: str | None = None


def endpoints(environ: Mapping[str, str]) -> Iterator[Endpoint]:
    """The OTLP endpoints of an environment: those that are set, or the default."""
    protocol = environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc").strip() or "grpc"
    found = False
    for signal in _SIGNALS:
        variable = f"OTEL_EXPORTER_OTLP{signal}_ENDPOINT"
        if url := environ.get(variable, "").strip():
            found = True
            yield _checked(variable, url, protocol)
    if not found:
        port = _DEFAULT_PORTS.get(protocol, 4318)
        yield Endpoint("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://localhost:{port}", "localhost", port)


def _checked(variable: str, url: str, protocol: str) -> Endpoint:
    try:
        parts = urlsplit(url if "//" in url else f"//{url}")
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        return Endpoint(variable, url, problem=f"{variable}={url!r} is no address ({error}); use http://HOST:PORT")
    scheme = parts.scheme
    if scheme not in ("http", "https") and not (protocol == "grpc" and not scheme):
        return Endpoint(variable, url, problem=f"{variable}={url!r} must begin with http:// or https://")
    if not host or " " in host:
        return Endpoint(variable, url, problem=f"{variable}={url!r} names no host; use http://HOST:PORT")
    return Endpoint(variable, url, host, port or (443 if scheme == "https" else _DEFAULT_PORTS.get(protocol, 80)))
