"""Where telemetry is sent, as the `OTEL_*_EXPORTER` and `OTEL_EXPORTER_OTLP_*` variables say it, signal by signal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

Signal = Literal["TRACES", "METRICS"]
SIGNALS: tuple[Signal, ...] = ("TRACES", "METRICS")
_PORTS = {"grpc": 4317, "http/protobuf": 4318}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address that a signal goes to, and the variable that says so. `problem` says why it cannot be used."""

    signal: Signal
    variable: str
    url: str
    host: str = ""
    port: int = 0
    problem: str | None = None


def _said(environ: Mapping[str, str], signal: Signal, what: str) -> tuple[str, str]:
    """The variable for one signal if it is set, else the one for all; with its value."""
    own, common = f"OTEL_EXPORTER_OTLP_{signal}_{what}", f"OTEL_EXPORTER_OTLP_{what}"
    value = environ.get(own, "").strip()
    return (own, value) if value else (common, environ.get(common, "").strip())


def exporters(environ: Mapping[str, str], signal: Signal) -> list[str]:
    """The exporters named for a signal; `otlp` where none is. To OpenTelemetry, an empty variable names none."""
    names = [name.strip() for name in (environ.get(f"OTEL_{signal}_EXPORTER", "").strip() or "otlp").split(",")]
    return [name for name in names if name and name.lower() != "none"]


def protocol(environ: Mapping[str, str], signal: Signal) -> tuple[str, str | None]:
    """The OTLP protocol of a signal, and why what is set is none."""
    variable, value = _said(environ, signal, "PROTOCOL")
    if not value or value in _PORTS:
        return value or "grpc", None
    return "grpc", f"{variable}={value!r} is no protocol; use grpc or http/protobuf"


def endpoints(environ: Mapping[str, str]) -> Iterator[Endpoint]:
    """The OTLP endpoint of each signal that is sent anywhere by OTLP."""
    for signal in SIGNALS:
        if any(name.startswith("otlp") for name in exporters(environ, signal)):
            yield _endpoint(environ, signal)


def _endpoint(environ: Mapping[str, str], signal: Signal) -> Endpoint:
    how, problem = protocol(environ, signal)
    variable, url = _said(environ, signal, "ENDPOINT")
    if problem is not None:
        return Endpoint(signal, variable, url, problem=problem)
    if not url:
        return Endpoint(signal, variable, f"http://localhost:{_PORTS[how]}", "localhost", _PORTS[how])
    try:
        parts = urlsplit(url if "//" in url else f"//{url}")
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        return Endpoint(
            signal, variable, url, problem=f"{variable}={url!r} is no address ({error}); use http://HOST:PORT"
        )
    if parts.scheme not in ("http", "https") and not (how == "grpc" and not parts.scheme):
        return Endpoint(signal, variable, url, problem=f"{variable}={url!r} must begin with http:// or https://")
    if not host or " " in host:
        return Endpoint(signal, variable, url, problem=f"{variable}={url!r} names no host; use http://HOST:PORT")
    return Endpoint(signal, variable, url, host, port or (443 if parts.scheme == "https" else 80))
