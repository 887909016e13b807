"""Whole processes: what is imported, what is printed, and an app that calls `Traceloop.init()` itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from provider import Provider

QUIET = {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}


def run(code: str, **environment: str) -> Any:
    """The last line that a program prints, as JSON; all others must be the app's own."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "SPANLEDGER_", "TRACELOOP_"))}
    done = subprocess.run(
        [sys.executable, "-c", code], env=kept | QUIET | environment, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


LAZY = """
import json, sys
import spanledger
runtime = spanledger.init()
def loaded():
    found = {name.split(".")[2] for name in sys.modules if name.startswith("opentelemetry.instrumentation.")}
    home = {"traceloop", "cohere", "groq", "botocore", "mistralai", "google.genai"} & set(sys.modules)
    return sorted(found & {"bedrock", "cohere", "groq", "google_generativeai", "mistralai", "openai"}) + sorted(home)
before = loaded()
import groq
print(json.dumps([before, loaded()]))
"""


def test_an_instrumentor_is_imported_once_its_library_is() -> None:
    assert run(LAZY) == [[], ["groq", "groq"]]


INIT = """
import json, sys
import spanledger
spanledger.init()
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from traceloop.sdk import Traceloop
from traceloop.sdk.decorators import workflow
import openai
theirs = InMemorySpanExporter()
Traceloop.init(exporter=theirs, disable_batch=True)
@workflow(name="booking")
def book():
    client = openai.OpenAI(max_retries=0)
    client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "<<input=9>> Hi"}])
book()
spans = theirs.get_finished_spans()
print(json.dumps([[span.name, (span.attributes or {}).get("traceloop.workflow.name")] for span in spans]))
"""


def test_traceloop_init_by_the_app_adds_no_second_meter(provider: Provider) -> None:
    spans = run(INIT, OPENAI_BASE_URL=provider.base_url, OPENAI_API_KEY="sk-x")
    assert spans == [["chat gpt-4o-mini", "booking"], ["booking.workflow", "booking"]]
