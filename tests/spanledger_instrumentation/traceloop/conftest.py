"""A provider on loopback that answers as recorded, and OpenLLMetry's instrumentors on a runtime of the test."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from tests.support.telemetry import Telemetry

from spanledger_instrumentation.traceloop import TraceloopAdapter


@dataclass
class Recorded:
    """Answers of providers, each by a part of the path that it is given at."""

    url: str = ""
    answers: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def answer(self, path: str, document: Any) -> None:
        """Answer with a JSON document."""
        self.answers[path] = ("application/json", json.dumps(document).encode())

    def stream(self, path: str, *events: Any) -> None:
        """Answer with server-sent events."""
        said = b"".join(b"data: " + json.dumps(event).encode() + b"\r\n\r\n" for event in events)
        self.answers[path] = ("text/event-stream", said)


@pytest.fixture
def recorded() -> Iterator[Recorded]:
    """The provider."""
    made = Recorded()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            made.asked.append(self.rfile.read(int(self.headers["content-length"])).decode())
            kind, body = next(answer for path, answer in made.answers.items() if path in self.path)
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield made
        server.shutdown()
        thread.join()


@pytest.fixture
def switched_on(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> Iterator[Telemetry]:
    """The runtime with the adapter on it."""
    for name in ("TRACELOOP_TELEMETRY", "TRACELOOP_SUPPRESS_WARNINGS", "TRACELOOP_TRACE_CONTENT"):
        monkeypatch.delenv(name, raising=False)
    adapter = TraceloopAdapter(telemetry.calls, provider=telemetry.provider)
    adapter.install()
    yield telemetry
    adapter.uninstall()
