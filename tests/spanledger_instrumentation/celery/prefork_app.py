"""The app of a real worker: broker and spans are files in the folder `PREFORK`. Imported by `celery -A prefork_app`."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from spanledger import scope
from spanledger.call import Calls
from spanledger.config import Settings
from spanledger.lineage import Lineage
from spanledger.pricing import PriceBook
from spanledger_instrumentation.celery import CeleryAdapter

FOLDER = Path(os.environ["PREFORK"])


def write(name: str, found: object) -> None:
    """Add a line to a file that all processes share."""
    with (FOLDER / name).open("a") as file:
        file.write(json.dumps(found) + "\n")


class ToFile(SpanExporter):
    """Writes spans as lines."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        for span in spans:
            parent = span.parent.span_id if span.parent else 0
            assert span.context is not None
            ids = [span.context.trace_id, span.context.span_id, parent]
            write("spans", {"name": span.name, "ids": ids, "attributes": dict(span.attributes or {})})
        return SpanExportResult.SUCCESS


provider = TracerProvider(shutdown_on_exit=False)
provider.add_span_processor(BatchSpanProcessor(ToFile(), schedule_delay_millis=600_000))
trace.set_tracer_provider(provider)
CeleryAdapter(Calls(Settings(), PriceBook(), Lineage())).install()

# The adapter is there before Celery, as under opentelemetry-instrument.
from celery import Celery  # type: ignore[import-untyped]  # noqa: E402


def made(folder: Path) -> Celery:
    """An app whose messages are files in a folder."""
    found = Celery("prefork", broker="filesystem://", set_as_current=False)
    found.conf.broker_transport_options = {
        "data_folder_in": str(folder / "queue"),
        "data_folder_out": str(folder / "queue"),
        "control_folder": str(folder / "control"),
        "processed_folder": str(folder / "processed"),
    }
    found.conf.task_ignore_result = True
    return found


def ask() -> None:
    """Calls a model."""
    with trace.get_tracer("app").start_as_current_span("call"):
        write("found", {"pid": os.getpid(), **scope.entries(scope.current())})


app = made(FOLDER)
app.task(ask, name="ask", shared=False)
