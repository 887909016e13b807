"""Puts the parts together: settings, price book, lineage, chain and meters, and the adapters that feed them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points, version
from pathlib import Path
from typing import Any

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader
from opentelemetry.sdk.trace import TracerProvider

from spanledger import config
from spanledger.budget.store import Store
from spanledger.call import Calls
from spanledger.config import Settings
from spanledger.endpoint import endpoints
from spanledger.errors import contained, log
from spanledger.ledger import Maker
from spanledger.ledger import opening as ledger
from spanledger.lineage import Lineage
from spanledger.pending import Remembered
from spanledger.pipeline import budgeting
from spanledger.pipeline.budget_meters import BudgetMeters
from spanledger.pipeline.chain import chain
from spanledger.pipeline.export import FanOut
from spanledger.pipeline.feed import Feed
from spanledger.pipeline.lifecycle import Ending, counters_from_zero
from spanledger.pipeline.meters import Meters
from spanledger.pipeline.sampler import RecordAll
from spanledger.pricing import PriceBook, open_book

VERSION = version("spanledger")
ADAPTERS = "spanledger_adapter"


@dataclass
class Runtime:
    """One instrumented process. `shutdown` takes the adapters off and sends what is waiting."""

    settings: Settings
    book: PriceBook
    lineage: Lineage
    export: FanOut
    calls: Calls
    adapters: list[Any] = field(default_factory=list)
    ending: Ending | None = None
    closed: bool = False
    notes: Store | None = None
    """A store that serves no budgets, only what is remembered from one process to the next."""

    @classmethod
    def of(cls, settings: Settings | None = None) -> Runtime:
        """A runtime that is not connected to anything yet."""
        settings = settings or config.read()
        book, lineage = open_book(settings.prices, settings.unpriced), Lineage()
        guard = budgeting.guard(settings, book)
        calls, notes = Calls(settings, book, lineage, guard=guard), None
        calls.ledger = ledger.recorder(settings, budgeted=guard is not None)
        if settings.live is not None:
            calls.ledger = feed = Feed(Path(settings.live), calls.ledger)
            if guard is not None:
                guard.on_refusal.append(feed.refused)
        if guard is None and (notes := budgeting.notes(settings)) is not None:
            calls.remembered = Remembered(notes)
        return cls(settings, book, lineage, FanOut(), calls, notes=notes)

    def connect(
        self, provider: TracerProvider, meter_provider: MeterProvider | None = None, *, owned: bool = True
    ) -> None:
        """Lay the chain into a tracer provider of the SDK, and account for what its sampler drops.

        Providers that are not `owned` are the app's: they are flushed at the end, and left open.
        """
        provider.sampler = RecordAll(provider.sampler)
        meters = Meters(meter_provider, self._info(provider))
        self.calls.told_of_caches.append(meters.cache_asked)
        if isinstance(self.calls.ledger, Feed):
            meters.listeners.append(self.calls.ledger.ended)
        guard = self.calls.guard
        provider.add_span_processor(chain(self.settings, self.book, self.lineage, meters, self.export, self.calls))
        if self.calls.ledger is not None:
            self.calls.ledger.maker = self._maker(provider)
        if guard is not None:
            guard.service = str(provider.resource.attributes.get("service.name", ""))
            BudgetMeters(guard, meter_provider)
        ending = self.alone()
        ending.also(provider.shutdown if owned else provider.force_flush)
        if meter_provider is not None:
            counters_from_zero(meter_provider)
            ending.also(meter_provider.shutdown if owned else meter_provider.force_flush)
        _forget_at_fork(self)

    def alone(self) -> Ending:
        """Arrange for the end of the books, which comes with telemetry and without; what `shutdown` will do."""
        self.ending = Ending(self.calls.close, lambda: self.export.undelivered)
        if self.notes is not None:
            self.ending.also(self.notes.close)
        return self.ending

    def read_metrics(self, readers: Iterable[MetricReader]) -> None:
        """Add readers to the meter provider. The SDK closes only those it was made with; these are closed here."""
        _, metering = providers()
        if metering is None or self.ending is None:
            return
        for reader in readers:
            metering.add_metric_reader(reader)
            self.ending.also(reader.shutdown)

    @staticmethod
    def _info(provider: TracerProvider) -> tuple[tuple[str, Any], ...]:
        found = provider.resource.attributes
        known = ("service.name", "service.version", "telemetry.distro.version")
        return tuple((key, found[key]) for key in known if key in found)

    @staticmethod
    def _maker(provider: TracerProvider) -> Maker:
        found = provider.resource.attributes
        environment = found.get("deployment.environment.name") or found.get("deployment.environment") or ""
        return Maker(str(found.get("service.name", "")), str(environment))

    def say_problems(self) -> None:
        """One warning for each setting that could not be used, and for those that have no effect yet."""
        for problem in self.settings.problems:
            log.warning("%s: the default is used", problem)
        for problem in {endpoint.problem: None for endpoint in endpoints(os.environ) if endpoint.problem}:
            log.warning("%s; until then telemetry may go nowhere", problem)
        for setting in self.settings.idle:
            log.warning("%s", setting)
        if self.book.broken:
            log.warning("SPANLEDGER_PRICES: %s; until then no call is priced", self.book.broken)

    def install(self) -> None:
        """Install every adapter that is found. Imports none of their libraries."""
        if not self.settings.tracking:
            return
        for entry in entry_points(group=ADAPTERS):
            with contained(entry.name):
                self._install(entry)

    def _install(self, entry: EntryPoint) -> None:
        adapter = entry.load()(self.calls)
        adapter.install()
        self.adapters.append(adapter)

    def shutdown(self) -> None:
        """Take the adapters off, send what is waiting for at most two seconds, and stop. There is no way back."""
        self.closed = True
        for adapter in self.adapters:
            with contained("shutdown"):
                adapter.uninstall()
        self.adapters.clear()
        if self.ending is not None:
            self.ending()


def _forget_at_fork(runtime: Runtime) -> None:
    def forked() -> None:
        runtime.lineage.forget()
        runtime.export.forked()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=forked)


def providers() -> tuple[TracerProvider | None, MeterProvider | None]:
    """The SDK's providers that are set now, None for what is not the SDK's."""
    tracing: Any = trace.get_tracer_provider()
    metering: Any = metrics.get_meter_provider()
    return (
        tracing if isinstance(tracing, TracerProvider) else None,
        metering if isinstance(metering, MeterProvider) else None,
    )
