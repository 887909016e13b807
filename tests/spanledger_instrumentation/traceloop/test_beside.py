"""OpenLLMetry's instrumentors of OpenAI and LangChain, installed beside our adapters: each call counts once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Coroutine, Iterator
from typing import Any

import openai
import pytest
from agents import Agent, OpenAIResponsesModel, Runner, set_trace_processors
from langchain_openai import ChatOpenAI
from opentelemetry.instrumentation.langchain import LangchainInstrumentor
from opentelemetry.instrumentation.openai import OpenAIInstrumentor
from tests.support.asking import EMBED, MODEL, USAGE, later, said
from tests.support.telemetry import Telemetry
from tests.support.tracing import paths

from provider import Provider
from spanledger.semconv import names


@pytest.fixture(params=[OpenAIInstrumentor])
def beside(request: pytest.FixtureRequest, metered: Telemetry, monkeypatch: pytest.MonkeyPatch) -> Iterator[Telemetry]:
    """Our OpenAI adapter, and one of theirs."""
    monkeypatch.setenv("TRACELOOP_TRACE_CONTENT", "false")
    instrumentor = request.param()
    instrumentor.instrument(tracer_provider=metered.provider)
    yield metered
    instrumentor.uninstrument()


def covers(telemetry: Telemetry) -> Counter[tuple[str, str]]:
    """Covered spans by name, and by what they are covered."""
    found = ((span.name, (span.attributes or {}).get(names.SPANLEDGER_COVERED_BY)) for span in telemetry.spans)
    return Counter((name, str(by)) for name, by in found if by)


def counted(telemetry: Telemetry) -> int:
    """Calls that our metrics count; each is a span of ours with tokens, and no other span has any."""
    usage = [names.GEN_AI_USAGE_INPUT_TOKENS in (span.attributes or {}) for span in telemetry.spans]
    assert sum(usage) == len(telemetry.metered)
    return int(sum(value for _, value in telemetry.points("spanledger.calls")))


def test_every_path_of_the_client_counts_once(beside: Telemetry, client: openai.OpenAI) -> None:
    with beside.tracer.start_as_current_span("root"):
        client.chat.completions.create(model=MODEL, messages=said())
        list(client.chat.completions.create(model=MODEL, messages=said(), stream=True))
        asked = openai.types.chat.ChatCompletionStreamOptionsParam(include_usage=True)
        list(client.chat.completions.create(model=MODEL, messages=said(), stream=True, stream_options=asked))
        response = client.responses.create(model=MODEL, input=USAGE)
        client.responses.retrieve(response.id)
        list(client.responses.create(model=MODEL, input=USAGE, stream=True))
        client.embeddings.create(model=EMBED, input="x")
    assert counted(beside) == 6
    assert covers(beside) == {
        ("openai.chat", "around"): 2,  # theirs has no usage for the stream that was not asked for any
        ("openai.response", "beside"): 3,
        ("openai.embeddings", "around"): 1,
    }


@pytest.mark.parametrize("beside", [LangchainInstrumentor], indirect=True)
def test_langchain_counts_once(beside: Telemetry, provider: Provider, key: str) -> None:
    def model(*, stream: bool = False, responses: bool = False) -> ChatOpenAI:
        return ChatOpenAI(
            model=MODEL,
            base_url=provider.base_url,
            api_key=lambda: key,
            stream_usage=stream,
            use_responses_api=responses,
        )

    with beside.tracer.start_as_current_span("root"):
        model().invoke(USAGE)
        list(model(stream=True).stream(USAGE))
        model(responses=True).invoke(USAGE)
    assert counted(beside) == 3
    assert covers(beside) == {("ChatOpenAI.chat", "beside"): 3}


@pytest.fixture
def nobody_traces_agents() -> None:
    """What was given to openai-agents in other tests stays there for good, and its spans would come between."""
    set_trace_processors([])


@pytest.mark.usefixtures("nobody_traces_agents")
def test_openai_agents_count_once_below_their_agents(
    metered: Telemetry, switched_on: Telemetry, provider: Provider, key: str
) -> None:
    def work(client: openai.AsyncOpenAI) -> Coroutine[Any, Any, object]:
        planner = Agent(name="planner", model=OpenAIResponsesModel(model=MODEL, openai_client=client))
        return Runner.run(planner, USAGE)

    later(provider, key, work)
    assert counted(switched_on) == 1
    assert covers(switched_on) == {("openai.response", "around"): 1}
    above = "Agent Workflow > planner.agent > openai.response"
    assert f"{above} > chat {MODEL}" in paths(switched_on.spans)
    assert metered.points("agent.tokens") == [({names.GEN_AI_AGENT_NAME: "planner"}, 120)]
