"""A runtime of its own for every test: private providers, everything kept in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, Metric
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Sampler
from opentelemetry.trace import Tracer
from tests.support.waiting import until

from spanledger.call import Calls
from spanledger.config import Settings
from spanledger.guard import Guard
from spanledger.ledger import opening
from spanledger.lineage import Lineage
from spanledger.payers import Payers
from spanledger.pipeline import budgeting
from spanledger.pipeline.export import FanOut
from spanledger.pipeline.runtime import Runtime
from spanledger.pricing import PriceBook
from spanledger.semconv import names

#: What no two runs have in common: a whole span shows only the type of these.
VOLATILE = (
    names.SPANLEDGER_CALL_ID,
    names.SPANLEDGER_RUN_ID,
    names.SPANLEDGER_OUTPUT_RATE,
    names.SPANLEDGER_PRICE_VERSION,
    names.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK,
    names.GEN_AI_RESPONSE_ID,
    names.SERVER_PORT,
    names.OPENAI_RESPONSE_SYSTEM_FINGERPRINT,
    names.SPANLEDGER_RATELIMIT_LIMIT_REQUESTS,
    names.SPANLEDGER_RATELIMIT_LIMIT_TOKENS,
    names.SPANLEDGER_RATELIMIT_REMAINING_REQUESTS,
    names.SPANLEDGER_RATELIMIT_REMAINING_TOKENS,
)
#: One book for all tests: the table behind it is loaded once.
BOOK = PriceBook()


@dataclass(frozen=True)
class Telemetry:
    """What a runtime produced."""

    runtime: Runtime
    provider: TracerProvider
    exporter: InMemorySpanExporter
    reader: InMemoryMetricReader

    @property
    def calls(self) -> Calls:
        """Where metered calls begin."""
        return self.runtime.calls

    def guarded(self, guard: Guard) -> None:
        """From now on calls have these budgets."""
        self.calls.guard = guard
        self.calls.payers = Payers(self.runtime.settings, self.calls.lineage, guard)

    @property
    def tracer(self) -> Tracer:
        """A tracer of the app's own."""
        return self.provider.get_tracer("app")

    @property
    def spans(self) -> list[ReadableSpan]:
        """All spans that were exported, in the order in which they ended."""
        self.provider.force_flush()
        return list(self.exporter.get_finished_spans())

    @property
    def metered(self) -> list[ReadableSpan]:
        """The spans of metered calls."""
        return [span for span in self.spans if names.SPANLEDGER_CALL_ID in (span.attributes or {})]

    @property
    def said(self) -> list[dict[str, Any]]:
        """The attributes of every metered call."""
        return [dict(span.attributes or {}) for span in self.metered]

    @property
    def one(self) -> ReadableSpan:
        """The span of the only metered call; a thread may be about to end it, as it does with streams nobody holds."""
        ended = until(lambda: len(self.runtime.lineage) == 0)
        (span,) = self.metered
        assert ended, "a span was started and has not ended"
        return span

    @property
    def attributes(self) -> dict[str, Any]:
        """The attributes of the only metered call."""
        return dict(self.one.attributes or {})

    def metrics(self) -> dict[str, Metric]:
        """Every metric that is collected now, by name."""
        data = self.reader.get_metrics_data()
        found = [m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics] if data else []
        return {metric.name: metric for metric in found}

    def points(self, name: str) -> list[tuple[dict[str, Any], Any]]:
        """Labels and value of every data point of a metric; the value of a histogram is its sum."""
        metric = self.metrics().get(name)
        points: Iterable[Any] = metric.data.data_points if metric else ()
        return [(dict(p.attributes or {}), p.sum if hasattr(p, "sum") else p.value) for p in points]


def telemetry(
    settings: Settings | None = None,
    *,
    sampler: Sampler = ALWAYS_ON,
    resource: Mapping[str, Any] | None = None,
    guard: Guard | None = None,
) -> Telemetry:
    """A runtime connected to providers of its own."""
    settings, lineage = settings or Settings(), Lineage()
    provider = TracerProvider(
        sampler=sampler, resource=Resource(dict(resource or {"service.name": "tests"})), shutdown_on_exit=False
    )
    reader = InMemoryMetricReader()
    meters = MeterProvider([reader], resource=provider.resource, shutdown_on_exit=False)
    guard = guard or budgeting.guard(settings, BOOK)
    calls = Calls(settings, BOOK, lineage, guard=guard, provider=provider)
    calls.ledger = opening.recorder(settings, budgeted=guard is not None)
    runtime = Runtime(settings, BOOK, lineage, FanOut(), calls)
    exporter = InMemorySpanExporter()
    runtime.export.join(exporter)
    runtime.connect(provider, meters)
    return Telemetry(runtime, provider, exporter, reader)


def whole(span: ReadableSpan) -> dict[str, Any]:
    """A span as a value that tests compare: of what differs from run to run it shows the type."""
    attributes = {k: type(v) if k in VOLATILE else v for k, v in (span.attributes or {}).items()}
    return {
        "name": span.name,
        "kind": span.kind.name,
        "status": span.status.status_code.name,
        "attributes": attributes,
        "events": [(event.name, dict(event.attributes or {})) for event in span.events],
    }
