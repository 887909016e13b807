"""What comes out of Jaeger and Prometheus for what an app sent by plain OTLP."""

import json
import urllib.request
from decimal import Decimal
from functools import partial

import pytest
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import SpanKind, StatusCode, Tracer, format_trace_id
from opentelemetry.util.types import AttributeValue
from tests.stack.clients import Jaeger, Prometheus, Send, Stack

pytestmark = pytest.mark.xdist_group("stack")

OURS = {"telemetry.distro.name": "spanledger"}


def call(tracer: Tracer, cost: float | None = None, kind: SpanKind = SpanKind.CLIENT, **usage: int) -> None:
    """One LLM call as any instrumentation would report it."""
    attributes: dict[str, AttributeValue] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
    }
    attributes |= {f"gen_ai.usage.{name}": value for name, value in usage.items()}
    if cost is not None:
        attributes |= {"gen_ai.usage.cost.amount": cost, "gen_ai.usage.cost.currency": "USD"}
    tracer.start_span("chat gpt-4o-mini", kind=kind, attributes=attributes).end()


def calls(costs: list[Decimal], tracer: Tracer) -> None:
    """One call for each of the costs."""
    for cost in costs:
        call(tracer, cost=float(cost))


def cost_of(prometheus: Prometheus, service: str, expected: float) -> float | None:
    """What Prometheus says a service has cost, once it says what is expected, or what it says at last."""
    return prometheus.value(f'sum(spanledger_cost_USD_total{{job="{service}"}})', expected)


def test_a_trace_sent_over_grpc_is_in_jaeger_with_its_tree_and_attributes(
    send: Send, jaeger: Jaeger, service: str
) -> None:
    def write(tracer: Tracer) -> None:
        with tracer.start_as_current_span("GET /recommend", kind=SpanKind.SERVER):
            call(tracer, cost=0.000123, input_tokens=700, output_tokens=30)

    send(service, write)

    spans = {span["name"]: span for span in jaeger.spans(service, count=2)}
    server, chat = spans["GET /recommend"], spans["chat gpt-4o-mini"]
    assert chat["parentSpanId"] == server["spanId"]
    assert chat["resource"]["service.name"] == service
    assert chat["attributes"]["gen_ai.usage.cost.amount"] == 0.000123
    assert chat["attributes"]["gen_ai.usage.input_tokens"] == "700"


def test_a_trace_sent_over_http_is_in_jaeger(stack: Stack, jaeger: Jaeger, service: str) -> None:
    provider = TracerProvider(sampler=ALWAYS_ON, resource=Resource({"service.name": service}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(HttpSpanExporter(endpoint=f"{stack.otlp_http}/v1/traces")))
    provider.get_tracer("tests").start_span("by http").end()
    provider.shutdown()

    assert [span["name"] for span in jaeger.spans(service)] == ["by http"]


def test_costs_of_another_language_add_up_exactly_over_many_batches(
    send: Send, prometheus: Prometheus, service: str
) -> None:
    costs = [Decimal(number) * Decimal("0.000000137") for number in range(1, 60)] + [Decimal("7.25")]
    for part in (costs[:1], costs[1:31], costs[31:]):
        send(service, partial(calls, part))

    expected = float(sum(costs))
    assert cost_of(prometheus, service, expected) == pytest.approx(expected, abs=1e-9)


def test_tokens_of_another_language_are_counted_by_type(send: Send, prometheus: Prometheus, service: str) -> None:
    def write(tracer: Tracer) -> None:
        for n in range(10):
            call(tracer, input_tokens=1000 + n, output_tokens=n)

    send(service, write)

    of = f'{{job="{service}",gen_ai_token_type="%s",gen_ai_request_model="gpt-4o-mini"}}'
    assert prometheus.value(f"gen_ai_client_token_usage_sum{of % 'input'}", 10_045) == 10_045
    assert prometheus.value(f"gen_ai_client_token_usage_sum{of % 'output'}", 45) == 45
    assert prometheus.value(f"gen_ai_client_token_usage_count{of % 'output'}", 10) == 10


def test_what_our_sdk_reports_itself_is_not_counted_again(
    send: Send, jaeger: Jaeger, prometheus: Prometheus, service: str
) -> None:
    def write(tracer: Tracer) -> None:
        call(tracer, cost=3.5, input_tokens=10, output_tokens=10)

    send(f"{service}-ours", write, resource=OURS)
    send(f"{service}-theirs", write)

    assert cost_of(prometheus, f"{service}-theirs", 3.5) == 3.5
    assert len(jaeger.spans(f"{service}-ours")) == 1
    ours = f'{{__name__=~"spanledger_cost_USD_total|gen_ai_client_token_usage_.*",job="{service}-ours"}}'
    assert prometheus.query(ours) == {}


@pytest.mark.parametrize(
    "extra",
    [
        {"gen_ai.usage.cost.amount": 5.0, "gen_ai.usage.cost.currency": "EUR"},
        {"gen_ai.usage.cost.amount": -5.0},
        {"gen_ai.usage.cost.amount": float("nan")},
        {"gen_ai.usage.cost.amount": float("inf")},
        {"gen_ai.usage.cost.amount": "5.0"},
    ],
    ids=["another currency", "negative", "not a number", "infinite", "text"],
)
def test_a_cost_that_is_no_amount_of_dollars_is_not_counted(
    send: Send, prometheus: Prometheus, service: str, extra: dict[str, float | str]
) -> None:
    def write(tracer: Tracer) -> None:
        tracer.start_span("chat", kind=SpanKind.CLIENT, attributes=extra).end()
        call(tracer, cost=1.0)

    send(service, write)

    assert cost_of(prometheus, service, 1.0) == 1.0


def test_the_sums_that_an_agent_span_repeats_are_not_counted(send: Send, prometheus: Prometheus, service: str) -> None:
    def write(tracer: Tracer) -> None:
        call(tracer, cost=1.0, input_tokens=100)
        call(tracer, cost=1.0, input_tokens=100, kind=SpanKind.INTERNAL)

    send(service, write)

    assert prometheus.value(f'sum(gen_ai_client_token_usage_sum{{job="{service}"}})', 100) == 100
    assert cost_of(prometheus, service, 1.0) == 1.0


def test_metrics_of_an_sdk_keep_their_instance_and_their_exemplars(
    stack: Stack, prometheus: Prometheus, service: str
) -> None:
    resource = Resource({"service.name": service, "service.instance.id": "worker-1", **OURS})
    exporter = OTLPMetricExporter(endpoint=stack.otlp_grpc, insecure=True)
    meters = MeterProvider([PeriodicExportingMetricReader(exporter, 3_600_000)], resource, shutdown_on_exit=False)
    tracers = TracerProvider(sampler=ALWAYS_ON, shutdown_on_exit=False)
    cost = meters.get_meter("tests").create_counter("spanledger.cost", "USD", "Cost of calls whose price is known.")
    with tracers.get_tracer("tests").start_as_current_span("chat") as span:
        cost.add(0.25, {"gen_ai.request.model": "gpt-4o-mini"})
    meters.shutdown()

    selector = f'spanledger_cost_USD_total{{job="{service}",instance="worker-1"}}'
    assert prometheus.value(selector) == 0.25
    [exemplar] = prometheus.exemplars(selector)
    assert exemplar["labels"]["trace_id"] == format_trace_id(span.get_span_context().trace_id)


def test_rate_errors_and_duration_of_every_span_are_metrics(send: Send, prometheus: Prometheus, service: str) -> None:
    def write(tracer: Tracer) -> None:
        for failed in (False, False, True):
            with tracer.start_as_current_span("GET /", kind=SpanKind.SERVER) as span:
                if failed:
                    span.set_status(StatusCode.ERROR)

    send(service, write, resource={"service.instance.id": "worker-1"})

    labels = f'service_name="{service}",span_name="GET /",span_kind="SPAN_KIND_SERVER"'
    assert prometheus.value(f'traces_span_metrics_calls_total{{{labels},status_code="STATUS_CODE_ERROR"}}', 1) == 1
    assert prometheus.value(f"sum(traces_span_metrics_duration_milliseconds_count{{{labels}}})", 3) == 3
    assert prometheus.exemplars(f"traces_span_metrics_duration_milliseconds_bucket{{{labels}}}")


def test_spans_with_much_content_arrive_with_each_value_cut_to_60000_bytes(
    send: Send, jaeger: Jaeger, service: str
) -> None:
    text = "all the words of a very long prompt " * 8_000

    def write(tracer: Tracer) -> None:
        for _ in range(6):
            span = tracer.start_span("chat", attributes={"gen_ai.input.messages": text})
            span.add_event("exception", {"exception.stacktrace": text})
            span.set_status(StatusCode.ERROR, text)
            span.end()

    send(service, write)

    spans = jaeger.spans(service, count=6)
    assert [span["attributes"]["gen_ai.input.messages"] for span in spans] == [text[:60_000]] * 6
    assert [span["status"]["message"] for span in spans] == [text[:1000] + "..."] * 6


def test_prometheus_reads_both_ends_of_the_collector_and_knows_alertmanager(
    stack: Stack, prometheus: Prometheus
) -> None:
    assert prometheus.value('up{job="otelcol"}', 1) == 1
    assert prometheus.value('up{job="collector"}', 1) == 1
    assert prometheus.value("otelcol_exporter_queue_capacity") == 2 * 2**30
    with urllib.request.urlopen(f"{stack.prometheus}/api/v1/alertmanagers", timeout=5) as answer:
        [alertmanager] = json.load(answer)["data"]["activeAlertmanagers"]
    assert alertmanager["url"].startswith(stack.alertmanager)
