"""The demo's receiver takes what the real exporters send, shows metrics and passes everything on."""

from __future__ import annotations

import gzip
import re
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import StatusCode

from demo.forward import Forwarder, Target, target
from demo.metrics import Page
from demo.receiver import Inbox, receiver
from demo.spans import COST, MODEL, OPERATION, Tokens
from provider.server import Loopback


@dataclass
class Received:
    url: str = ""
    inbox: Inbox = field(default_factory=Inbox)
    page: Page = field(default_factory=Page)
    passed: list[str] = field(default_factory=list)


@pytest.fixture
def received() -> Iterator[Received]:
    made = Received()
    with Loopback(receiver(made.inbox, made.page, lambda path, _: made.passed.append(path))) as server:
        made.url = server.url
        yield made


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_spans_arrive_as_they_were(received: Received, compression: Compression) -> None:
    exporter = OTLPSpanExporter(f"{received.url}/v1/traces", compression=compression)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    with tracer.start_as_current_span("POST /recommend"), tracer.start_as_current_span("chat") as span:
        span.set_attributes({OPERATION: "chat", MODEL: "gpt-4o-mini", COST: 0.1, "ok": True, "list": ["x"]})
        span.set_attributes({"gen_ai.usage.input_tokens": 7, "gen_ai.usage.output_tokens": 3})
        span.add_event("openai.retry")
        span.set_status(StatusCode.ERROR)
    provider.shutdown()

    [trace] = received.inbox.traces()
    root, call = (node.span for node in trace.nodes())
    assert (root.name, root.parent_id, call.parent_id) == ("POST /recommend", "", root.span_id)
    assert call.tokens == Tokens(7, 0, 3, 0)
    assert (call.money(COST), call.events, call.failed) == (Decimal("0.1"), ("openai.retry",), True)
    assert (call.attributes["ok"], call.attributes["list"]) == (True, None)
    assert received.passed == ["/v1/traces", "/v1/traces"]
    assert received.inbox.quiet(trace.id) < 60


def test_metrics_become_a_page_named_as_prometheus_names_them(received: Received) -> None:
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(f"{received.url}/v1/metrics"), 60_000_000)
    meters = MeterProvider([reader], shutdown_on_exit=False)
    meter = meters.get_meter("test")
    meter.create_counter("spanledger.cost", "USD", "What calls cost").add(0.25, {"gen_ai.request.model": 'a"b'})
    meter.create_counter("spanledger.cost", "USD", "What calls cost").add(0.5, {"gen_ai.request.model": "c"})
    meter.create_up_down_counter("agent.active_executions", "{execution}").add(2)
    meter.create_histogram(
        "gen_ai.client.operation.duration", "s", explicit_bucket_boundaries_advisory=[0.1, 1]
    ).record(0.5)
    meters.shutdown()

    with urllib.request.urlopen(f"{received.url}/metrics") as reply:
        lines = reply.read().decode().splitlines()
    assert 'spanledger_cost_USD_total{gen_ai_request_model="a\\"b"} 0.25' in lines
    assert "# TYPE spanledger_cost_USD_total counter" in lines
    assert "agent_active_executions 2" in lines
    assert 'gen_ai_client_operation_duration_seconds_bucket{le="0.1"} 0' in lines
    assert 'gen_ai_client_operation_duration_seconds_bucket{le="+Inf"} 1' in lines
    assert "gen_ai_client_operation_duration_seconds_sum 0.5" in lines
    assert received.page.sum("spanledger_cost_USD_total") == 0.75
    assert received.page.sum("nothing_total") is None


def test_an_exponential_histogram_becomes_buckets_too(received: Received) -> None:
    view = View(instrument_name="*", aggregation=ExponentialBucketHistogramAggregation(max_scale=0))
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(f"{received.url}/v1/metrics"), 60_000_000)
    meters = MeterProvider([reader], views=[view], shutdown_on_exit=False)
    histogram = meters.get_meter("test").create_histogram("size")
    for value in (1.5, 3, 3.5):
        histogram.record(value)
    meters.shutdown()

    lines = received.page.text().splitlines()
    assert 'size_bucket{le="2"} 1' in lines
    assert 'size_bucket{le="4"} 3' in lines
    assert "size_count 3" in lines


@pytest.mark.parametrize("signal", ["traces", "metrics"])
def test_what_is_no_protobuf_is_refused(received: Received, signal: str) -> None:
    request = urllib.request.Request(f"{received.url}/v1/{signal}", gzip.compress(b"\xff\xff"))
    request.add_header("content-encoding", "gzip")

    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    assert caught.value.code == 400
    assert b"not OTLP protobuf" in caught.value.read()
    caught.value.close()
    assert received.passed == []


def test_bodies_are_passed_on_in_their_order(received: Received) -> None:
    forwarder = Forwarder(Target(received.url, {"x-key": "1"}))
    for path in ("/v1/traces", "/v1/logs", "/v1/metrics"):
        forwarder.send(path, b"")
    forwarder.close()

    assert received.passed == ["/v1/traces", "/v1/logs", "/v1/metrics"]
    assert forwarder.failed == 0


def test_deliveries_that_fail_are_counted_and_do_no_harm() -> None:
    forwarder = Forwarder(Target("http://127.0.0.1:9", {}))
    forwarder.send("/v1/traces", b"")
    forwarder.close()

    assert forwarder.failed == 1


def test_deliveries_go_on_behind_one_that_no_http_server_answered(received: Received) -> None:
    with socket.create_server(("127.0.0.1", 0)) as strange:
        forwarder = Forwarder(Target(f"http://127.0.0.1:{strange.getsockname()[1]}", {}))
        forwarder.send("/v1/traces", b"")
        connection, _ = strange.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"220 mail.example.org ESMTP\r\n")
        forwarder.target = Target(received.url, {})
        forwarder.send("/v1/metrics", b"")
        forwarder.close()

    assert forwarder.failed == 1
    assert received.passed == ["/v1/metrics"]


def test_the_collector_to_pass_on_to_comes_from_the_usual_variables() -> None:
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318/",
        "OTEL_EXPORTER_OTLP_HEADERS": "a=Basic%20x, b=2=3",
    }

    assert target(environ) == Target("http://collector:4318", {"a": "Basic x", "b": "2=3"})


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://collector:4317",
        "grpc://collector:4318",
        "collector:4318",
        "http://collector:99999",
        "http://[::1",
        "http://:4318",
    ],
)
def test_an_endpoint_that_does_not_speak_otlp_over_http_is_named(endpoint: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"OTEL_EXPORTER_OTLP_ENDPOINT={endpoint}:")):
        target({"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint})
