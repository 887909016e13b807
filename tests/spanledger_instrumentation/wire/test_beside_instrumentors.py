"""SDKs that no adapter of ours knows: the wire meters their calls, and OpenLLMetry's span of the same is covered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from tests.spanledger_instrumentation.traceloop import test_instrumentors
from tests.spanledger_instrumentation.traceloop.conftest import Recorded, recorded, switched_on
from tests.support.telemetry import BOOK, Telemetry

from spanledger.semconv import names
from spanledger.usage import Usage
from spanledger_instrumentation.wire import WireAdapter

__all__ = ["recorded", "switched_on"]

OVER_HTTP = [case for case in test_instrumentors.CASES if case[1] != "aws.bedrock"]


@pytest.fixture
def both(request: pytest.FixtureRequest, switched_on: Telemetry, recorded: Recorded) -> Iterator[Telemetry]:
    """OpenLLMetry's instrumentors and the wire, which is told who answers on loopback if the test says so."""
    if told := getattr(request, "param", None):
        host = recorded.url.partition("://")[2]
        switched_on.calls.settings = replace(switched_on.calls.settings, wire_hosts=((host, told),))
    adapter = WireAdapter(switched_on.calls)
    adapter.install()
    yield switched_on
    adapter.uninstall()


def told(case: tuple[Callable[[Recorded], None], str, str]) -> str | None:
    """Whom a span around the request does not name, because its library does not make it current."""
    return case[1] if case[1] in ("groq", "mistral_ai") else None


@pytest.mark.parametrize(
    ("both", "ask", "provider", "model"),
    [(told(case), *case) for case in OVER_HTTP],
    ids=[case[0].__name__ for case in OVER_HTTP],
    indirect=["both"],
)
def test_a_call_is_counted_once_by_the_wire(
    both: Telemetry, recorded: Recorded, ask: Callable[[Recorded], None], provider: str, model: str
) -> None:
    ask(recorded)
    price = BOOK.price(Usage(input=100, output=20), provider=provider, model=model)
    assert price is not None
    counting = [span for span in both.spans if names.GEN_AI_USAGE_INPUT_TOKENS in (span.attributes or {})]
    assert len(both.spans) == 2
    (span,) = counting
    assert span.instrumentation_scope is not None
    assert span.instrumentation_scope.name == "spanledger"
    assert (span.attributes or {})[names.GEN_AI_USAGE_COST_AMOUNT] == pytest.approx(price.nano_usd / 1e9)
    assert [value for _, value in both.points("spanledger.calls")] == [1]
    assert [value for _, value in both.points("spanledger.cost")] == [pytest.approx(price.nano_usd / 1e9)]


@pytest.mark.parametrize("ask", [test_instrumentors.converse, test_instrumentors.invoke], ids=lambda ask: ask.__name__)
def test_what_does_not_pass_the_wire_is_counted_by_its_instrumentor(
    both: Telemetry, recorded: Recorded, ask: Callable[[Recorded], None]
) -> None:
    ask(recorded)
    (span,) = both.spans
    assert (span.attributes or {})[names.GEN_AI_USAGE_INPUT_TOKENS] == 100
