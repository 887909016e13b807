"""The demo's own OTLP/HTTP receiver: traces and metrics in, a metrics page out."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from demo.metrics import Page
from demo.spans import Span, decode
from demo.trees import Trace, trace

_PROTOBUF = "application/x-protobuf"
_OK = ExportTraceServiceResponse().SerializeToString()  # the empty answer of every signal

Pass = Callable[[str, bytes], None]


@dataclass
class Inbox:
    """Spans by trace; may be written and read from any thread."""

    _spans: dict[str, dict[str, Span]] = field(default_factory=dict)
    _touched: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def put(self, spans: list[Span]) -> None:
        """Spans have arrived."""
        with self._lock:
            for span in spans:
                self._spans.setdefault(span.trace_id, {})[span.span_id] = span
                self._touched[span.trace_id] = time.monotonic()

    def traces(self) -> list[Trace]:
        """All traces, in the order of their first arrival."""
        with self._lock:
            found = [list(spans.values()) for spans in self._spans.values()]
        return [trace(spans) for spans in found]

    def quiet(self, trace_id: str) -> float:
        """Seconds since a span of that trace last arrived."""
        with self._lock:
            return time.monotonic() - self._touched[trace_id]


def receiver(inbox: Inbox, page: Page, pass_on: Pass | None = None) -> Starlette:
    """The web app: `POST /v1/traces`, `/v1/metrics`, `/v1/logs`, and `GET /metrics`."""

    async def take(request: Request) -> Response:
        body = await request.body()
        if request.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        try:
            if request.url.path == "/v1/traces":
                inbox.put(decode(body))
            elif request.url.path == "/v1/metrics":
                page.take(body)
        except DecodeError as wrong:
            return PlainTextResponse(f"not OTLP protobuf: {wrong}", 400)
        if pass_on is not None:
            pass_on(request.url.path, body)
        return Response(_OK, media_type=_PROTOBUF)

    async def metrics(_: Request) -> Response:
        return PlainTextResponse(page.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    signals = [Route(f"/v1/{signal}", take, methods=["POST"]) for signal in ("traces", "metrics", "logs")]
    return Starlette(routes=[*signals, Route("/metrics", metrics)])
