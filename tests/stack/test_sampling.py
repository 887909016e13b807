"""Which traces Jaeger gets where no share of the ordinary ones is kept."""

import re
import time
import urllib.request

import pytest
from opentelemetry.trace import SpanKind, StatusCode, Tracer
from spanstack import ports, services
from spanstack.services import Setting
from tests.stack.clients import Jaeger, Launch, Send, Stack

pytestmark = pytest.mark.xdist_group("stack")

SECOND = 1_000_000_000
NOTHING_ORDINARY = {"COLLECTOR_KEEP_PERCENT": "0", "COLLECTOR_DECISION_WAIT": "2s"}


@pytest.fixture
def frugal(stack: Stack, setting: Setting, launch: Launch) -> Setting:
    """A collector that keeps nothing ordinary and hands the rest to the stack's Jaeger. Gives its setting."""
    service = services.collector(setting)
    jaeger = stack.jaeger_otlp_grpc.removeprefix("http://")
    launch(service, {**NOTHING_ORDINARY, "COLLECTOR_JAEGER": jaeger})
    return setting


def span(
    tracer: Tracer, name: str, /, seconds: float = 0.1, status: StatusCode = StatusCode.UNSET, **marks: float | str
) -> None:
    """A trace of one root span and one child, which carries what matters."""
    now = time.time_ns()
    attributes = {key.replace("__", "."): value for key, value in marks.items()}
    with tracer.start_as_current_span(f"root of {name}", start_time=now - int(seconds * SECOND)):
        child = tracer.start_span(name, attributes=attributes, start_time=now - int(seconds * SECOND))
        child.set_status(status)
        child.end(now)


def test_errors_refusals_slow_and_expensive_traces_are_kept_whole_and_the_rest_is_not(
    frugal: Setting, send: Send, jaeger: Jaeger, service: str
) -> None:
    def write(tracer: Tracer) -> None:
        for number in range(20):
            span(tracer, f"ordinary {number}", spanledger__cost__subtree=0.01, gen_ai__usage__cost__amount=0.01)
        span(tracer, "error", status=StatusCode.ERROR)
        span(tracer, "refused", error__type="spanledger.BudgetExceeded")
        span(tracer, "slow", seconds=11.0)
        span(tracer, "expensive below", spanledger__cost__subtree=0.5)
        span(tracer, "expensive call", gen_ai__usage__cost__amount=0.75)
        span(tracer, "expensive in whole dollars", gen_ai__usage__cost__amount=1)

    send(service, write, endpoint=ports.url(frugal.ports.otlp_grpc))

    kept = {"error", "refused", "slow", "expensive below", "expensive call", "expensive in whole dollars"}
    spans = jaeger.spans(service, count=12)
    assert {one["name"] for one in spans} == kept | {f"root of {name}" for name in kept}


def test_what_is_not_kept_is_counted_all_the_same(frugal: Setting, send: Send, jaeger: Jaeger, service: str) -> None:
    def write(tracer: Tracer) -> None:
        for number in range(50):
            cost = {"gen_ai.usage.cost.amount": 0.01}
            tracer.start_span(f"chat {number}", kind=SpanKind.CLIENT, attributes=cost).end()
        span(tracer, "error", status=StatusCode.ERROR)

    send(service, write, endpoint=ports.url(frugal.ports.otlp_grpc))

    assert {one["name"] for one in jaeger.spans(service, count=2)} == {"error", "root of error"}
    with urllib.request.urlopen(ports.url(frugal.ports.collector_metrics) + "/metrics", timeout=5) as answer:
        page = answer.read().decode()
    [cost] = re.findall(rf'^spanledger_cost_USD_total{{.*job="{service}".*}} (\S+)', page, re.MULTILINE)
    assert float(cost) == pytest.approx(0.5, abs=1e-9)
