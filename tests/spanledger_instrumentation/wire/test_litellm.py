"""litellm's own ways to a provider, which pass no SDK."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import litellm
import pytest
from litellm.router import Router
from tests.spanledger_instrumentation.wire.conftest import Server
from tests.support.asking import USAGE
from tests.support.telemetry import Telemetry, telemetry

from provider import Provider
from spanledger import BudgetExceeded
from spanledger.config import Settings
from spanledger.semconv import names
from spanledger_instrumentation.wire import WireAdapter


def given(**more: Any) -> dict[str, Any]:
    return {
        "model": "anthropic/claude-haiku-4-5",
        "messages": [{"role": "user", "content": f"{USAGE} Hello"}],
        "max_tokens": 200,
        "api_key": "sk-wire",
        "num_retries": 0,
        **more,
    }


def metered(telemetry: Telemetry) -> None:
    found = telemetry.attributes
    assert (found[names.GEN_AI_USAGE_INPUT_TOKENS], found[names.GEN_AI_USAGE_OUTPUT_TOKENS]) == (100, 20)
    assert names.SPANLEDGER_USAGE_ESTIMATED not in found


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_a_completion_is_metered(stream: bool, wired: Telemetry, provider: Provider) -> None:
    answer: Any = litellm.completion(**given(api_base=f"{provider.base_url}/messages", stream=stream))
    if stream:
        assert "".join(chunk.choices[0].delta.content or "" for chunk in answer)
    metered(wired)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_a_completion_of_a_coroutine_is_metered(stream: bool, wired: Telemetry, provider: Provider) -> None:
    async def ask() -> None:
        answer: Any = await litellm.acompletion(**given(api_base=f"{provider.base_url}/messages", stream=stream))
        if stream:
            assert "".join([chunk.choices[0].delta.content or "" async for chunk in answer])

    asyncio.run(ask())
    metered(wired)


@pytest.fixture
def denying() -> Iterator[Telemetry]:
    """Telemetry where calls that nobody claimed are refused."""
    made = telemetry(Settings(wire="deny"))
    adapter = WireAdapter(made.calls)
    adapter.install()
    yield made
    adapter.uninstall()
    made.runtime.shutdown()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_a_refusal_is_not_retried(stream: bool, denying: Telemetry, server: Server) -> None:
    more = {"num_retries": 2, "stream": stream, "api_base": f"{server.url}/v1/messages"}
    with pytest.raises(BudgetExceeded):
        litellm.completion(**given(**more))
    assert server.asked == []
    assert len(denying.metered) == 1


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_a_refusal_of_a_coroutine_is_not_retried(stream: bool, denying: Telemetry, server: Server) -> None:
    more = {"num_retries": 2, "stream": stream, "api_base": f"{server.url}/v1/messages"}
    with pytest.raises(BudgetExceeded):
        asyncio.run(litellm.acompletion(**given(**more)))
    assert server.asked == []
    assert len(denying.metered) == 1


@pytest.mark.filterwarnings("ignore")
def test_a_refusal_is_not_retried_by_the_router_either(denying: Telemetry, server: Server) -> None:
    deployed = {"model_name": "claude", "litellm_params": given(api_base=f"{server.url}/v1/messages")}
    router = Router([deployed], num_retries=2)
    with pytest.raises(BudgetExceeded):
        router.completion("claude", given()["messages"])
    assert server.asked == []
    assert len(denying.metered) == 1
