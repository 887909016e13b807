"""The whole data flow of the telemetry path, on one screen."""

from __future__ import annotations

from opentelemetry.sdk.trace import SpanProcessor

from spanledger.call import Calls
from spanledger.config import Settings
from spanledger.lineage import Lineage
from spanledger.pipeline.enforce import Enforce
from spanledger.pipeline.meters import Meters
from spanledger.pipeline.price import Price
from spanledger.pipeline.record import Record
from spanledger.pipeline.redact import Redact
from spanledger.pipeline.second_line import SecondLine
from spanledger.pricing import PriceBook


def chain(
    settings: Settings,
    book: PriceBook,
    lineage: Lineage,
    meters: Meters,
    export: SpanProcessor,
    calls: Calls,
) -> SpanProcessor:
    """Enforce ► Price ► Redact ► Record ► export: every span passes once, whatever number of exporters follows."""
    record = Record(export, lineage, meters)
    redact = Redact(record) if settings.redact else record
    budgets = SecondLine(calls.guard, lineage) if calls.guard is not None else None
    return Enforce(Price(redact, book, lineage, settings, budgets, calls.ledger), lineage, budgets)
