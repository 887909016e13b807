"""What the service tells Prometheus: of its own requests, and how the budgets stand."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Histogram, Info
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spanledger.budget.listing import Row
from spanledger.budget.store import StoreError
from spanledger.errors import Contained, failed
from spanledger.money import NANO
from spanledger.pipeline.budget_meters import Fullest
from spanledger.semconv import names
from spanledger.service.access import LOCAL
from spanledger.service.books import Books

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
_GAUGES: tuple[tuple[str, str, Callable[[Row], int | None]], ...] = tuple(
    (name[0], name[2], figure)
    for name, figure in (
        (names.METRIC_SPANLEDGER_BUDGET_LIMIT, lambda row: row.limit),
        (names.METRIC_SPANLEDGER_BUDGET_SPENT, lambda row: row.spent),
        (names.METRIC_SPANLEDGER_BUDGET_HELD, lambda row: row.held),
        (names.METRIC_SPANLEDGER_BUDGET_REMAINING, lambda row: row.remaining),
    )
)


@dataclass(slots=True)
class Meters:
    """The instruments of one service."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    requests: Counter = field(init=False)
    took: Histogram = field(init=False)

    def __post_init__(self) -> None:
        labels, own = ("route", "method"), self.registry
        self.requests = Counter("spanledger_service_requests", "Requests.", (*labels, "status"), registry=own)
        self.took = Histogram(
            "spanledger_service_request_duration_seconds", "Until the answer.", labels, buckets=_SECONDS, registry=own
        )
        Info("app", "What this is.", registry=own).info({"app": "spanledger", "version": version("spanledger")})
        own.register(_Errors())


class _Errors(Collector):
    """Our own failures."""

    def collect(self) -> Iterable[Metric]:
        """The contained ones, by component and class."""
        family = CounterMetricFamily("spanledger_errors", "Failures of spanledger's own.", labels=("component", "type"))
        for (component, kind), count in sorted(Contained.counts.items()):
            family.add_metric((component, kind), count)
        yield family


class BudgetGauges(Collector):
    """How the budgets stand, under the names that apps tell them by; nothing while their store is down."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def collect(self) -> Iterable[Metric]:
        """A gauge for each figure."""
        try:
            found = Fullest(self._books.budgets())(self._books.rows(LOCAL))
        except StoreError as error:
            failed("store", error)
            return
        labels = [_plain(names.SPANLEDGER_BUDGET_NAME), _plain(names.SPANLEDGER_BUDGET_SCOPE_VALUE)]
        for name, help_, figure in _GAUGES:
            family = GaugeMetricFamily(f"{_plain(name)}_USD", help_, labels=labels)
            for place, row in sorted(found.items()):
                if (value := figure(row)) is not None:
                    family.add_metric(place, value / NANO)
            yield family


def _plain(name: str) -> str:
    return name.replace(".", "_")


@dataclass(frozen=True, slots=True)
class Metered:
    """An app whose requests are counted, by the route that took them."""

    app: ASGIApp
    meters: Meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on, and count it when it is over."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, began = 500, time.perf_counter()

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, sent)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self.meters.requests.labels(route, method, status).inc()
            self.meters.took.labels(route, method).observe(time.perf_counter() - began)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
