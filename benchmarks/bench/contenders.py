"""Who is measured: the bare client, the bare SDK, spanledger and its peers, each in an environment of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

#: The environment variables that all contenders run with. Captured content is off for those that capture by default.
COMMON = {
    "OPENAI_API_KEY": "sk-bench",
    "OTEL_SERVICE_NAME": "bench",
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "NO_CONTENT",
}
REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements"


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to run the client. `baseline` names the bare client that its overhead is counted from.

    `requirements` is a file of that name in `requirements/`; `shown` is the package whose version the table tells.
    """

    name: str
    label: str
    requirements: str
    shown: str = "openai"
    baseline: str = "bare"
    environ: Mapping[str, str] = field(default_factory=dict)


_NULL = {"OTEL_TRACES_EXPORTER": "bench_null", "OTEL_METRICS_EXPORTER": "bench_null"}
_NO_CONTENT = {"TRACELOOP_TRACE_CONTENT": "false", "TRACELOOP_METRICS_ENABLED": "false"}

ALL = (
    Contender("bare", "bare openai client", "plain"),
    Contender("sdk", "bare OpenTelemetry SDK span", "plain", "opentelemetry-sdk"),
    Contender("spanledger", "spanledger, everything on", "spanledger", "spanledger", environ=_NULL),
    Contender("official", "OpenTelemetry genai-openai", "official", "opentelemetry-instrumentation-genai-openai"),
    Contender("openllmetry", "OpenLLMetry", "openllmetry", "opentelemetry-instrumentation-openai", environ=_NO_CONTENT),
    Contender("langfuse", "Langfuse", "langfuse", "langfuse"),
    Contender("bare2", "bare openai client 2", "openlit"),
    Contender("openlit", "OpenLIT, on client 2", "openlit", "openlit", "bare2"),
)
BY_NAME = {contender.name: contender for contender in ALL}


def chosen(names: list[str]) -> list[Contender]:
    """The contenders of these names, all if there are none, with the baselines they need, in the order of the table."""
    wanted = set(names or BY_NAME) | {"bare", "sdk"}
    wanted |= {BY_NAME[name].baseline for name in wanted}
    return [contender for contender in ALL if contender.name in wanted]


def is_bare(name: str) -> bool:
    """Whether a contender is a bare client, which others are compared with."""
    return any(contender.baseline == name for contender in ALL)
