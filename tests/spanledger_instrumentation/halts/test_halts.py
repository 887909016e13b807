"""Once a run is halted no request of it leaves, whoever tries again, and whoever runs the graph hears of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import agents
import httpx2
import litellm
import openai
import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ModelFallbackMiddleware, ModelRetryMiddleware, ToolRetryMiddleware
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, ToolCall
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.graph import START, MessagesState
from langgraph.prebuilt import ToolNode
from langgraph.types import RetryPolicy
from litellm.exceptions import NotFoundError
from tests.spanledger_instrumentation.halts.graphs import empty
from tests.spanledger_instrumentation.langchain.structure import collected
from tests.support.halting import ASK, MODEL, budgeted
from tests.support.waiting import until

import spanledger
from provider import Provider
from spanledger_instrumentation.wire.doors import LitellmDoors

pytestmark = [
    pytest.mark.filterwarnings("ignore:Item.*ReadOnly:UserWarning"),  # litellm, when it is first used
]

#: Room for one call, of 75 micro-USD and of 90 at most.
BUDGET = "run=0.000100USD"
NEVER: Any = {"initial_interval": 0.0, "jitter": False}
ANY: Any = {"jitter": False, "initial_delay": 0.0}


def node_of(model: Any) -> Any:
    return lambda _: {"done": [model.invoke(ASK).content]}


def graph_of(node: Any, **given: Any) -> Any:
    return empty().add_node("ask", node, **given).add_edge(START, "ask").compile(name="g")


def agent_of(model: Any, *middleware: Any, tools: Any = ()) -> Any:
    return create_agent(model, list(tools), middleware=list(middleware), name="helper")


def asked(agent: Any) -> Any:
    return agent.invoke({"messages": [("user", ASK)]})


def asked_later(agent: Any) -> Any:
    return asyncio.run(agent.ainvoke({"messages": [("user", ASK)]}))


def litellm_of(model: ChatOpenAI) -> dict[str, Any]:
    assert model.openai_api_key is not None
    key: Any = model.openai_api_key
    return {
        "model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": ASK}], "max_tokens": 100,
        "api_base": model.openai_api_base, "api_key": key.get_secret_value(), "num_retries": 2,
    }  # fmt: skip


@tool
def look(query: str) -> str:
    """Looks something up."""
    return query


def tool_that_asks(model: Any) -> Any:
    @tool
    def ask(query: str) -> str:
        """Asks."""
        return str(model.invoke(ASK).content)

    return ask


def caller(name: str) -> Any:
    """A model that costs nothing and calls a tool."""

    class Calls(GenericFakeChatModel):
        def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
            return self

    call = AIMessage("", tool_calls=[ToolCall(name=name, args={"query": "q"}, id="1")])
    return Calls(messages=iter([call, AIMessage("done")]))


PATHS: dict[str, Callable[[ChatOpenAI], Any]] = {
    "model": lambda m: m.invoke(ASK),
    "with_retry": lambda m: m.with_retry(stop_after_attempt=3).invoke(ASK),
    "with_retry, async": lambda m: asyncio.run(m.with_retry(stop_after_attempt=3).ainvoke(ASK)),
    "with_fallbacks": lambda m: m.with_fallbacks([m, m]).invoke(ASK),
    "with_fallbacks in a node": lambda m: graph_of(
        node_of(m.with_fallbacks([RunnableLambda(lambda _: AIMessage("sorry"))]))
    ).invoke({"done": []}),
    "RetryPolicy": lambda m: graph_of(
        node_of(m), retry_policy=RetryPolicy(max_attempts=4, retry_on=Exception, **NEVER)
    ).invoke({"done": []}),
    "ModelRetryMiddleware": lambda m: asked(agent_of(m, ModelRetryMiddleware(max_retries=3, **ANY))),
    "ModelRetryMiddleware, async": lambda m: asked_later(agent_of(m, ModelRetryMiddleware(max_retries=3, **ANY))),
    "ModelFallbackMiddleware": lambda m: asked(agent_of(m, ModelFallbackMiddleware(m, m))),
    "ToolRetryMiddleware": lambda m: asked(
        agent_of(caller("ask"), ToolRetryMiddleware(max_retries=3, **ANY), tools=[tool_that_asks(m)])
    ),
    "ToolNode that handles errors": lambda m: empty(MessagesState)
    .add_node("tools", ToolNode([tool_that_asks(m)], handle_tool_errors=True))
    .add_edge(START, "tools")
    .compile()
    .invoke({"messages": [AIMessage("", tool_calls=[ToolCall(name="ask", args={"query": "q"}, id="1")])]}),
    "error handler of a node": lambda m: graph_of(
        node_of(m), error_handler=lambda _: {"done": ["handled"]}
    ).invoke({"done": []}),
    "stream": lambda m: list(graph_of(node_of(m)).stream({"done": []})),
    "astream": lambda m: asyncio.run(collected(graph_of(node_of(m)).astream({"done": []}))),
    "litellm": lambda m: litellm.completion(**litellm_of(m)),
    "litellm, async": lambda m: asyncio.run(litellm.acompletion(**litellm_of(m))),
    "litellm, stream": lambda m: litellm.completion(**litellm_of(m), stream=True),
    "litellm in a node": lambda m: graph_of(lambda _: litellm.completion(**litellm_of(m))).invoke({"done": []}),
}  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_no_request_leaves_a_halted_run_and_the_halt_reaches_the_app(
    path: str, provider: Provider, key: str, model: ChatOpenAI, file: Path
) -> None:
    with budgeted(BUDGET, file, LitellmDoors) as one, spanledger.run("r-1"):
        model.invoke(ASK)
        with pytest.raises(spanledger.BudgetExceeded):
            model.invoke(ASK)
        assert one.halted("r-1")
        with pytest.raises(spanledger.BudgetExceeded) as caught:
            PATHS[path](model)
        assert caught.value.refusal.halted
        assert "budgets raise r-1" in str(caught.value)
        assert one.store.figure(one.counter("r-1")).refused <= 4
    assert provider.bill(key)["hits"] == 1


@pytest.mark.parametrize("path", PATHS)
def test_the_call_that_halts_a_run_is_not_tried_again(
    path: str, provider: Provider, key: str, model: ChatOpenAI, file: Path
) -> None:
    """The same where the graph begins before the halt."""
    with budgeted(BUDGET, file, LitellmDoors) as one, spanledger.run("r-1"):
        model.invoke(ASK)
        with pytest.raises(spanledger.BudgetExceeded):
            PATHS[path](model)
        assert one.store.figure(one.counter("r-1")).refused <= 3
    assert provider.bill(key)["hits"] == 1


def test_an_error_that_is_not_ours_leaves_litellm_as_it_is(provider: Provider, model: ChatOpenAI, file: Path) -> None:
    with budgeted("run=1USD", file, LitellmDoors):
        given = litellm_of(model) | {"num_retries": 0}
        with pytest.raises(NotFoundError):
            litellm.completion(**given | {"messages": [{"role": "user", "content": "<<fault=404>>"}]})


def test_a_provider_that_times_out_is_asked_as_often_as_worst_cases_fit(
    provider: Provider, key: str, http: httpx2.Client, file: Path
) -> None:
    """Nobody knows whether an attempt that timed out is billed, so each is charged its hold."""
    client = openai.OpenAI(base_url=provider.base_url, api_key=key, max_retries=5, http_client=http, timeout=0.5)
    with budgeted("run=0.000200USD", file) as one, spanledger.run("r-1"):
        with pytest.raises(spanledger.BudgetExceeded):
            client.chat.completions.create(
                model=MODEL, messages=[{"role": "user", "content": "<<fault=timeout>> Go on."}], max_tokens=100
            )
        assert one.halted("r-1")
    assert until(lambda: provider.bill(key)["hits"] >= 2)
    assert provider.bill(key)["hits"] == 2


#: openai-agents would send its traces to OpenAI.
UNTRACED = agents.RunConfig(tracing_disabled=True)


def agent_that_hands_over(model: Any) -> agents.Agent[None]:
    """A triage that always hands over to an agent that asks again."""
    helper = agents.Agent[None](name="helper", model=model)
    return agents.Agent[None](
        name="triage",
        model=model,
        handoffs=[helper],
        model_settings=agents.ModelSettings(max_tokens=100, tool_choice="required"),
    )


@pytest.mark.parametrize("streamed", [False, True])
def test_an_agent_of_openai_agents_ends_with_the_halt(streamed: bool, provider: Provider, key: str, file: Path) -> None:
    async def run() -> None:
        http = httpx2.AsyncClient(verify=False, timeout=30)
        async with openai.AsyncOpenAI(base_url=provider.base_url, api_key=key, http_client=http) as client:
            model = agents.OpenAIChatCompletionsModel(MODEL, client)
            if streamed:
                result = agents.Runner.run_streamed(agent_that_hands_over(model), ASK, run_config=UNTRACED)
                async for _ in result.stream_events():
                    pass
            else:
                await agents.Runner.run(agent_that_hands_over(model), ASK, run_config=UNTRACED)

    with budgeted("run=1calls", file) as one, spanledger.run("r-1"):
        with pytest.raises(spanledger.BudgetExceeded):
            asyncio.run(run())
        assert one.halted("r-1")
    (asked,) = provider.log(key)
    assert asked["body"]["tool_choice"] == "required", "the triage asked, and the helper never did"
