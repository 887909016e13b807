"""Passing telemetry on to a collector, so that `make stack` shows the same traces in Jaeger."""

from __future__ import annotations

import queue
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from urllib.parse import unquote, urlsplit

LOCAL = "http://127.0.0.1:4318"
_SECONDS = 3.0
_HELD = 1000


@dataclass(frozen=True)
class Target:
    """A collector that takes OTLP/HTTP."""

    endpoint: str
    headers: Mapping[str, str]


def target(environ: Mapping[str, str]) -> Target | None:
    """Where to pass telemetry on to: `OTEL_EXPORTER_OTLP_ENDPOINT`, or a collector on this machine.

    Raises:
        ValueError: The endpoint is not one for OTLP/HTTP.
    """
    endpoint = environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").rstrip("/")
    if not endpoint:
        return Target(LOCAL, {}) if answers(LOCAL) else None
    if not _takes_http(endpoint):
        raise ValueError(
            f"OTEL_EXPORTER_OTLP_ENDPOINT={endpoint}: the demo passes telemetry on by OTLP/HTTP; "
            f"name such an endpoint, usually http://HOST:4318"
        )
    pairs = environ.get("OTEL_EXPORTER_OTLP_HEADERS", "").split(",")
    headers = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    return Target(endpoint, {name.strip(): unquote(value.strip()) for name, value in headers.items()})


def _takes_http(endpoint: str) -> bool:
    """Whether it is a URL of HTTP; 4317 is the port for gRPC."""
    try:
        parts = urlsplit(endpoint)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 4317
    except ValueError:
        return False


def answers(url: str) -> bool:
    """Whether something listens there."""
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=0.3):
            return True
    except OSError:
        return False


class Forwarder:
    """Passes bodies on, in their order, from a thread of its own; what fails is counted."""

    def __init__(self, to: Target) -> None:
        """Start passing on."""
        self.target = to
        self.failed = 0
        self._waiting: queue.Queue[tuple[str, bytes] | None] = queue.Queue(_HELD)
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def send(self, path: str, body: bytes) -> None:
        """Pass one OTLP body on to that path, soon."""
        try:
            self._waiting.put_nowait((path, body))
        except queue.Full:
            self.failed += 1

    def close(self) -> None:
        """Pass on what is waiting, for a few seconds at most."""
        self._waiting.put(None)
        self._thread.join(timeout=2 * _SECONDS)

    def _run(self) -> None:
        while (item := self._waiting.get()) is not None:
            path, body = item
            headers = {**self.target.headers, "content-type": "application/x-protobuf"}
            request = urllib.request.Request(self.target.endpoint + path, body, headers)
            try:
                self._opener.open(request, timeout=_SECONDS).close()
            except (OSError, HTTPException, ValueError):  # what is no HTTP there, or no header in the variable
                self.failed += 1
