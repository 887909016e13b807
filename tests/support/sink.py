"""An OTLP receiver on loopback that keeps what processes send it."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.support.waiting import until


@dataclass
class Sink:
    """What has arrived."""

    url: str
    traces: list[Any] = field(default_factory=list)
    metrics: list[Any] = field(default_factory=list)

    @property
    def spans(self) -> list[Any]:
        """Every span."""
        return [s for t in list(self.traces) for r in t.resource_spans for scope in r.scope_spans for s in scope.spans]

    @property
    def calls(self) -> list[Any]:
        """The spans of metered calls."""
        return [s for s in self.spans if any(a.key == "spanledger.call.id" for a in s.attributes)]

    def counted(self, name: str) -> float:
        """The sum of a counter over all processes, each by its last report."""
        last: dict[Any, float] = {}
        for sent in list(self.metrics):
            for resource in sent.resource_metrics:
                who = str(sorted((a.key, str(a.value)) for a in resource.resource.attributes))
                for metric in (m for s in resource.scope_metrics for m in s.metrics if m.name == name):
                    for point in metric.sum.data_points:
                        labels = str(sorted((a.key, str(a.value)) for a in point.attributes))
                        key = (who, labels, point.start_time_unix_nano)
                        last[key] = point.as_double or point.as_int
        return sum(last.values())

    def wait(self, true: Callable[[Sink], bool]) -> None:
        """Until something is true of what has arrived."""
        assert until(lambda: true(self)), f"{len(self.spans)} spans came: {[s.name for s in self.spans]}"


@contextmanager
def sink() -> Iterator[Sink]:
    """A receiver for as long as the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            if self.path.endswith("/traces"):
                found.traces.append(ExportTraceServiceRequest.FromString(body))
            elif self.path.endswith("/metrics"):
                found.metrics.append(ExportMetricsServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found = Sink(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()
