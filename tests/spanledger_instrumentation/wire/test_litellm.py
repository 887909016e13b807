"""litellm's own ways to a provider, which pass no SDK."""

from __future__ import annotations

import asyncio
from typing import Any

import litellm
import pytest
from tests.support.asking import USAGE
from tests.support.telemetry import Telemetry

from provider import Provider
from spanledger.semconv import names


def given(provider: Provider, **more: Any) -> dict[str, Any]:
    return {
        "model": "anthropic/claude-haiku-4-5",
        "messages": [{"role": "user", "content": f"{USAGE} Hello"}],
        "max_tokens": 200,
        "api_base": f"{provider.base_url}/messages",
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
    answer: Any = litellm.completion(**given(provider, stream=stream))
    if stream:
        assert "".join(chunk.choices[0].delta.content or "" for chunk in answer)
    metered(wired)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_a_completion_of_a_coroutine_is_metered(stream: bool, wired: Telemetry, provider: Provider) -> None:
    async def ask() -> None:
        answer: Any = await litellm.acompletion(**given(provider, stream=stream))
        if stream:
            assert "".join([chunk.choices[0].delta.content or "" async for chunk in answer])

    asyncio.run(ask())
    metered(wired)
