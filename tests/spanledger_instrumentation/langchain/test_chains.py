"""Chains become spans, their plumbing does not, and calls hang below the step that made them."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from langchain_core.callbacks.manager import CallbackManager, trace_as_chain_group
from langchain_core.chat_history import InMemoryChatMessageHistory
from langchain_core.language_models import LLM
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableConfig, RunnableLambda, RunnableParallel
from langchain_core.runnables.history import RunnableWithMessageHistory
from opentelemetry import context
from tests.spanledger_instrumentation.langchain.structure import Seen, Traced, Ways, collected

from spanledger import scope
from spanledger.scope import Scope

pytestmark = pytest.mark.filterwarnings("ignore::langchain_core._api.deprecation.LangChainDeprecationWarning")

PROMPT = ChatPromptTemplate.from_template("{text}")
IN = {"text": "hello"}


def _simple(traced: Traced) -> Any:
    return PROMPT | traced.model("one", "two", "three") | StrOutputParser()


WAYS: Ways = {
    "invoke": lambda chain: chain.invoke(IN),
    "ainvoke": lambda chain: asyncio.run(chain.ainvoke(IN)),
    "stream": lambda chain: list(chain.stream(IN)),
    "astream": lambda chain: asyncio.run(collected(chain.astream(IN))),
    "astream_events": lambda chain: asyncio.run(collected(chain.astream_events(IN))),
    "astream_log": lambda chain: asyncio.run(collected(chain.astream_log(IN))),
    "batch": lambda chain: chain.batch([IN]),
    "abatch": lambda chain: asyncio.run(chain.abatch([IN])),
    "batch_as_completed": lambda chain: list(chain.batch_as_completed([IN])),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_chain_is_one_span_around_its_call_however_it_is_called(traced: Traced, way: str) -> None:
    WAYS[way](_simple(traced))
    assert traced.tree == Seen("chain", Seen("chat m"))


@pytest.mark.parametrize("way", WAYS)
def test_named_chains_and_steps_are_spans_and_imply_the_stage(traced: Traced, way: str) -> None:
    summarize = _simple(traced).with_config(run_name="summarize")

    def judge(text: str) -> str:
        traced.call("judge")
        return text

    WAYS[way]((summarize | judge | RunnableLambda(lambda text: text)).with_config(run_name="pipeline"))
    assert traced.tree == Seen(
        "pipeline",
        Seen("summarize", Seen("chat m", stage="summarize"), node="summarize"),
        Seen("judge", Seen("chat judge", stage="judge"), node="judge"),
        node="pipeline",
    )


@pytest.mark.parametrize("way", WAYS)
def test_branches_of_a_map_hang_below_the_chain(traced: Traced, way: str) -> None:
    left, right = (_simple(traced).with_config(run_name=name) for name in ("left", "right"))
    WAYS[way](RunnableParallel(left=left, right=right, plain=_simple(traced)) | RunnableLambda(str))
    tree = traced.tree
    assert tree.name == "chain"
    assert sorted(repr(below) for below in tree.below) == sorted(
        repr(below)
        for below in (
            Seen("left", Seen("chat m", stage="left"), node="left"),
            Seen("right", Seen("chat m", stage="right"), node="right"),
            Seen("chat m"),
            Seen("str", node="str"),
        )
    )


def test_a_batch_in_threads_keeps_each_call_below_its_own_chain(traced: Traced) -> None:
    outputs = _simple(traced).batch([IN] * 20, {"max_concurrency": 8})
    assert len(outputs) == 20
    assert traced.trees() == [Seen("chain", Seen("chat m"))] * 20


class Completing(LLM):
    """A model of the older kind."""

    traced: Any

    @property
    def _llm_type(self) -> str:
        return "stand-in"

    def _call(self, *args: Any, **kwargs: Any) -> str:
        self.traced.call()
        return "text"

    async def _acall(self, *args: Any, **kwargs: Any) -> str:
        return self._call()


@pytest.mark.parametrize("way", WAYS)
def test_a_completion_model_is_below_its_chain_too(traced: Traced, way: str) -> None:
    WAYS[way](PROMPT | Completing(traced=traced))
    assert traced.tree == Seen("chain", Seen("chat m"))


def test_a_model_alone_has_no_span_around_its_call(traced: Traced) -> None:
    model = traced.model()
    with traced.tracer.start_as_current_span("request"):
        model.invoke("hello")
        list(model.stream("hello"))
        asyncio.run(model.ainvoke("hello"))
        model.batch(["hello"])
    assert traced.tree == Seen("request", *[Seen("chat m")] * 4)


def test_prompts_and_parsers_alone_make_no_span(traced: Traced) -> None:
    PROMPT.invoke(IN)
    StrOutputParser().invoke("text")
    assert traced.trees() == []


def test_a_span_of_the_app_keeps_its_place_between_two_chains(traced: Traced) -> None:
    inner = _simple(traced)

    def outer(inputs: dict[str, str]) -> Any:
        with traced.tracer.start_as_current_span("lookup"):
            return inner.with_config(run_name="inner").invoke(inputs)

    RunnableLambda(outer).invoke(IN)
    assert traced.outline() == "outer\n  lookup\n    inner\n      chat m"


def test_a_call_in_a_bare_thread_belongs_to_the_run_of_its_config(traced: Traced) -> None:
    model = traced.model()

    def outer(_: Any, config: RunnableConfig) -> None:
        thread = threading.Thread(target=model.invoke, args=("hello", config))
        thread.start()
        thread.join()

    RunnableLambda(outer).invoke(IN)
    assert traced.tree == Seen("outer", Seen("chat m", stage="outer"), node="outer")


def test_a_chain_group_is_a_chain(traced: Traced) -> None:
    with trace_as_chain_group("group", CallbackManager.configure()) as manager:
        traced.model().invoke("hello", {"callbacks": manager})
        _simple(traced).invoke(IN, {"callbacks": manager})
        manager.on_chain_end({})
    assert traced.tree == Seen("group", *[Seen("chat m", stage="group")] * 2, node="group")


@pytest.mark.parametrize(
    "config",
    [
        {"metadata": {"thread_id": "c1"}},
        {"metadata": {"session_id": "c1"}},
        {"metadata": {"conversation_id": "c1"}},
        {"configurable": {"thread_id": "c1"}},
        {"configurable": {"session_id": "c1"}},
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_the_conversation_is_on_the_spans_and_in_the_scope(traced: Traced, config: Any, named: bool) -> None:
    step = RunnableLambda(lambda x: x, name="step") if named else RunnableLambda(lambda x: x)
    (step | _simple(traced)).invoke(IN, config)
    steps = [Seen("step", node="step", conversation="c1")] if named else []
    assert traced.tree == Seen("chain", *steps, Seen("chat m", conversation="c1"), conversation="c1")


def test_an_unnamed_chain_in_another_conversation_is_part_of_the_step_around_it(traced: Traced) -> None:
    inner = _simple(traced)
    step = RunnableLambda(lambda inputs: inner.invoke(inputs, {"configurable": {"session_id": "c2"}}), name="step")
    (step | traced.model()).invoke(IN, {"configurable": {"session_id": "c1"}})
    assert traced.tree == Seen(
        "chain",
        Seen("step", Seen("chat m", stage="step", conversation="c2"), node="step", conversation="c1"),
        Seen("chat m", conversation="c1"),
        conversation="c1",
    )


def test_a_chain_with_message_history_is_one_span_with_the_session_as_conversation(traced: Traced) -> None:
    prompt = ChatPromptTemplate.from_messages([("placeholder", "{history}"), ("user", "{text}")])
    history = InMemoryChatMessageHistory()
    chain = RunnableWithMessageHistory(
        prompt | traced.model(), lambda _: history, input_messages_key="text", history_messages_key="history"
    )
    chain.invoke(IN, {"configurable": {"session_id": "s1"}})
    assert traced.tree == Seen("chain", Seen("chat m", conversation="s1"), conversation="s1")


def test_a_chain_that_names_a_workflow_is_one(traced: Traced) -> None:
    _simple(traced).invoke(IN, {"metadata": {"workflow_name": "onboarding"}})
    assert traced.tree == Seen(
        "invoke_workflow onboarding",
        Seen("chat m", workflow="onboarding"),
        op="invoke_workflow",
        workflow="onboarding",
    )


def test_the_stage_that_the_app_named_comes_first(traced: Traced) -> None:
    chain = _simple(traced).with_config(run_name="chain")
    token = context.attach(scope.inside(Scope(stage="mine", tenant="acme")))
    try:
        chain.invoke(IN)
    finally:
        context.detach(token)
    (call,) = traced.tree.below
    assert call == Seen("chat m", stage="mine", **{"spanledger.tenant.id": "acme"})
