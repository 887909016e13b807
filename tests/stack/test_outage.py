"""What survives when Jaeger is away and the collector is killed."""

import re
import urllib.request

import pytest
from opentelemetry.trace import StatusCode, Tracer
from spanstack import ports, services
from spanstack.services import Setting
from tests.stack.clients import Jaeger, Launch, Send, eventually

pytestmark = pytest.mark.xdist_group("stack")

TRACES = 50
#: What has to get to Jaeger; what has to get to the service waits elsewhere, for it does not run here.
WAITING = "otelcol_exporter_queue_size", 'exporter="otlp_grpc/jaeger"'


def own_metric(setting: Setting, name: str, label: str = "") -> float:
    """Sum over the series of one of the collector's own metrics that have a label."""
    with urllib.request.urlopen(ports.url(setting.ports.collector_self) + "/metrics", timeout=5) as answer:
        page = answer.read().decode()
    return sum(map(float, re.findall(rf"^{name}(?:{{.*{label}.*}})? (\S+)$", page, re.MULTILINE)))


def test_every_decided_trace_survives_an_absent_jaeger_and_a_killed_collector(
    setting: Setting, launch: Launch, send: Send, service: str
) -> None:
    def write(tracer: Tracer) -> None:
        for number in range(TRACES):
            with tracer.start_as_current_span(f"trace {number}") as span:
                span.set_status(StatusCode.ERROR)

    collector = launch(services.collector(setting))
    send(service, write, endpoint=ports.url(setting.ports.otlp_grpc))
    decided = "otelcol_processor_tail_sampling_global_count_traces_sampled_total"
    assert eventually(lambda: own_metric(setting, decided), lambda count: count == TRACES) == TRACES
    assert eventually(lambda: own_metric(setting, *WAITING), bool) > 0

    collector.kill()
    collector.wait()
    launch(services.collector(setting))
    launch(services.jaeger(setting))

    spans = Jaeger(ports.url(setting.ports.jaeger)).spans(service, count=TRACES, seconds=40)
    assert sorted(span["name"] for span in spans) == sorted(f"trace {number}" for number in range(TRACES))
    assert eventually(lambda: own_metric(setting, *WAITING), lambda size: size == 0) == 0


def test_traces_are_still_there_when_jaeger_comes_back(
    setting: Setting, launch: Launch, send: Send, service: str
) -> None:
    first = launch(services.jaeger(setting))
    send(service, lambda tracer: tracer.start_span("before").end(), endpoint=ports.url(setting.ports.jaeger_otlp))
    client = Jaeger(ports.url(setting.ports.jaeger))
    assert len(client.spans(service)) == 1

    first.terminate()
    first.wait()
    launch(services.jaeger(setting))

    assert [span["name"] for span in client.spans(service)] == ["before"]
