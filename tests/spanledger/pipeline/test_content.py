"""What OpenLLMetry's instrumentors say of content goes out only where it is asked for; other spans are left alone."""

from __future__ import annotations

import pytest
from tests.support.telemetry import Telemetry, telemetry

from spanledger.config import Settings

CREW = "opentelemetry.instrumentation.crewai.instrumentation"
CHROMA = "opentelemetry.instrumentation.chromadb"
SAID = {"crewai.task.description": "secret", "gen_ai.input.messages": "secret", "db.chroma.query.where_document": "x"}


def exported(made: Telemetry, library: str) -> tuple[set[str], list[str]]:
    """Attributes and events of a span of this library, as exported."""
    with made.provider.get_tracer(library).start_as_current_span("s", attributes={**SAID, "db.system": "chroma"}) as s:
        s.add_event("db.query.result", {"db.query.result.document": "secret"})
        s.add_event("exception")
    (span,) = made.spans
    made.runtime.shutdown()
    return set(span.attributes or {}), [event.name for event in span.events]


@pytest.mark.parametrize("library", [CREW, CHROMA])
def test_content_is_taken_off(library: str) -> None:
    assert exported(telemetry(), library) == ({"db.system"}, ["exception"])


@pytest.mark.parametrize(
    ("settings", "library"),
    [
        (Settings(capture_content="span"), CREW),
        (Settings(), "app"),
        (Settings(), "opentelemetry.instrumentation.httpx"),
    ],
    ids=["asked for", "the app's own", "another instrumentation"],
)
def test_everything_else_stays(settings: Settings, library: str) -> None:
    assert exported(telemetry(settings), library) == ({*SAID, "db.system"}, ["db.query.result", "exception"])
