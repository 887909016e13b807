"""How each contender is set up, inside its own process, as its documentation says: tracing, with null exporters."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bench import provider

Act = Callable[[], object]
KINDS = ("chat", "stream", "embeddings")
_MESSAGES = [
    {"role": "system", "content": "You recommend courses. Answer in one paragraph."},
    {"role": "user", "content": f"Which {provider.ASKED} is right for a physicist? " * 4},
]


def calls(openai: Any) -> dict[str, Act]:
    """The three calls, by kind, made with one client."""
    client = openai.OpenAI(http_client=provider.client(), max_retries=0)

    def chat() -> object:
        return client.chat.completions.create(
            model=provider.CHAT_MODEL, messages=_MESSAGES, temperature=0.2, max_tokens=200
        )

    def stream() -> object:
        chunks = client.chat.completions.create(
            model=provider.CHAT_MODEL, messages=_MESSAGES, temperature=0.2, max_tokens=200, stream=True
        )
        return sum(1 for _ in chunks)

    def embeddings() -> object:
        return client.embeddings.create(model=provider.EMBEDDING_MODEL, input=f"A {provider.ASKED} for physicists.")

    return {"chat": chat, "stream": stream, "embeddings": embeddings}


def bare() -> Any:
    """Nothing around the client."""
    return importlib.import_module("openai")


def sdk() -> Any:
    """The SDK without any instrumentation; spans are put around the calls."""
    importlib.import_module("bench.telemetry").set_up()
    return importlib.import_module("openai")


def spanledger() -> Any:
    """By environment variables and one call of `init`; they name the null exporters for spans and metrics."""
    importlib.import_module("spanledger").init()
    return importlib.import_module("openai")


def _instrumentor(module: str) -> Any:
    openai = sdk()
    importlib.import_module(module).OpenAIInstrumentor().instrument()
    return openai


def official() -> Any:
    """The instrumentor of OpenTelemetry's GenAI packages."""
    return _instrumentor("opentelemetry.instrumentation.genai.openai")


def openllmetry() -> Any:
    """The instrumentor of Traceloop; content is captured by default and switched off by its variable."""
    return _instrumentor("opentelemetry.instrumentation.openai")


def openlit() -> Any:
    """`init` takes up the provider that is set; its price list would come from the network, so it gets a file."""
    openai = sdk()
    prices = Path(__file__).with_name("openlit_prices.json")
    importlib.import_module("openlit").init(
        capture_message_content=False, disable_metrics=True, disable_events=True, pricing_json=str(prices)
    )
    return openai


def langfuse() -> Any:
    """The drop-in import. It has no switch for content; what its documentation offers is a mask."""
    importlib.import_module("langfuse").Langfuse(
        public_key="pk-lf-bench",
        secret_key="sk-lf-bench",
        base_url="http://127.0.0.1:9",
        span_exporter=importlib.import_module("bench.exporters").NullSpans(),
        mask=lambda *, data, **_: None if data is None else "masked",
    )
    return importlib.import_module("langfuse.openai").openai


SETUPS: Mapping[str, Callable[[], Any]] = {
    "bare": bare,
    "bare2": bare,
    "sdk": sdk,
    "spanledger": spanledger,
    "official": official,
    "openllmetry": openllmetry,
    "openlit": openlit,
    "langfuse": langfuse,
}


def subject(name: str) -> dict[str, Act]:
    """The three calls of a contender, after its set-up."""
    acts = calls(SETUPS[name]())
    if name != "sdk":
        return acts
    in_span = importlib.import_module("bench.telemetry").in_span
    return {kind: in_span(kind, act) for kind, act in acts.items()}
