"""The client's tool runner asks again and again by itself: every turn is a call."""

from __future__ import annotations

import anthropic
from anthropic import AsyncAnthropic, beta_async_tool, beta_tool
from tests.support.claude import MODEL, later, said
from tests.support.ends import claiming
from tests.support.telemetry import Telemetry

from provider import Provider
from spanledger.semconv import names


@beta_tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


@beta_async_tool
async def weather_later(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


def test_every_turn_of_a_tool_runner_is_a_call(
    client: anthropic.Anthropic, traced: Telemetry, provider: Provider, key: str
) -> None:
    runner = client.beta.messages.tool_runner(
        model=MODEL, max_tokens=200, tools=[weather], messages=said("What is the weather in Paris?")
    )
    turns = list(runner)
    assert len(turns) == 2
    assert [found[names.GEN_AI_RESPONSE_FINISH_REASONS] for found in traced.said] == [("tool_calls",), ("stop",)]
    assert traced.said[0][names.SPANLEDGER_RESPONSE_TOOL_CALLS] == ("weather",)
    bill = provider.bill(key)
    assert sum(found[names.GEN_AI_USAGE_INPUT_TOKENS] for found in traced.said) == bill["input_tokens"]
    assert sum(found[names.GEN_AI_USAGE_OUTPUT_TOKENS] for found in traced.said) == bill["output_tokens"]
    assert claiming(traced) == 2


def test_every_turn_of_an_async_streaming_tool_runner_is_a_call(
    traced: Telemetry, provider: Provider, key: str
) -> None:
    async def ask(client: AsyncAnthropic) -> None:
        runner = client.beta.messages.tool_runner(
            model=MODEL,
            max_tokens=200,
            tools=[weather_later],
            messages=said("What is the weather in Paris?"),
            stream=True,
        )
        async for stream in runner:
            await stream.get_final_message()

    later(provider, key, ask)
    bill = provider.bill(key)
    assert len(traced.metered) == bill["requests"] == 2
    assert sum(found[names.GEN_AI_USAGE_OUTPUT_TOKENS] for found in traced.said) == bill["output_tokens"]
