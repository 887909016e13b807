"""The app does not notice: same results, same exceptions, same callbacks, its own context untouched."""

from __future__ import annotations

import asyncio
import copy
import inspect
import pickle
import subprocess
import sys
import textwrap
import uuid
from collections import Counter
from typing import Any, cast

import pytest
from langchain.agents import create_agent
from langchain_core.callbacks import BaseCallbackHandler, CallbackManager
from langchain_core.language_models import BaseLLM
from langchain_core.messages import AIMessage
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.runnables import config as runnable_config
from langchain_core.runnables.retry import RunnableRetry
from langchain_core.tools import BaseTool, tool
from langchain_core.tracers.context import _configure_hooks
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.pregel._loop import PregelLoop
from langgraph.pregel.main import Pregel
from opentelemetry import context, trace
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from tests.spanledger_instrumentation.langchain.structure import Seen, Traced, Watch, unmetered

from spanledger import scope


@tool
def add(a: int, b: int) -> int:
    """Add."""
    return a + b


def _agent(traced: Traced) -> Any:
    asks = AIMessage("", tool_calls=[{"name": "add", "args": {"a": 1, "b": 2}, "id": "c1"}])
    return create_agent(traced.model(asks, "three"), [add], name="math")


ASK: Any = {"messages": [("user", "1 + 2?")]}


def test_a_half_read_stream_leaves_nothing_in_the_context(traced: Traced) -> None:
    chain: Any = RunnableLambda(lambda x: x, name="first") | traced.model("one two three")
    before = context.get_current()
    for index, _ in enumerate(chain.stream("x")):
        assert context.get_current() is before
        traced.tracer.start_span(f"consumer {index}").end()
    for _ in _agent(traced).stream(ASK, stream_mode=["messages", "updates"]):
        assert context.get_current() is before
    roots = [root.name for root in traced.trees()]
    assert roots == ["chain", *(f"consumer {i}" for i in range(index + 1)), "invoke_agent math"]


def test_a_half_read_async_stream_leaves_nothing_in_the_context(traced: Traced) -> None:
    chain: Any = RunnableLambda(lambda x: x, name="first") | traced.model("one two three")

    async def run() -> None:
        before = context.get_current()
        async for _ in chain.astream("x"):
            assert context.get_current() is before
        async for _ in _agent(traced).astream(ASK, stream_mode="messages"):
            assert context.get_current() is before

    asyncio.run(run())


class Diary(BaseCallbackHandler):
    """Writes down every event."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, Any]] = []

    def on_chain_start(self, *args: Any, **kwargs: Any) -> None:
        metadata = {k: v for k, v in kwargs["metadata"].items() if not k.endswith("checkpoint_ns")}
        self.entries.append(("start", (kwargs["name"], kwargs["tags"], metadata)))

    def on_tool_start(self, *args: Any, **kwargs: Any) -> None:
        self.entries.append(("tool", (args[0], kwargs["inputs"])))

    def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
        self.entries.append(("model", [type(message) for message in args[1][0]]))

    def on_chain_end(self, outputs: Any, **kwargs: Any) -> None:
        self.entries.append(("end", type(outputs)))

    def on_llm_new_token(self, token: Any, **kwargs: Any) -> None:
        self.entries.append(("token", token))


def test_results_and_callbacks_of_the_app_are_the_same(traced: Traced) -> None:
    def run() -> tuple[Any, Any]:
        diary = Diary()
        chunks = list(_agent(traced).stream(ASK, {"callbacks": [diary]}, stream_mode=["messages", "updates"]))
        said = [chunk[1][0].content for chunk in chunks if chunk[0] == "messages"]
        return said, diary.entries

    seen = run()
    traced.adapter.uninstall()
    unseen = run()
    traced.adapter.install()
    assert seen == unseen
    assert len(seen[1]) > 10


def test_the_handler_is_on_every_manager_exactly_once(traced: Traced) -> None:
    first = CallbackManager.configure()
    assert len(first.handlers) == 1
    for callbacks in (first, first.handlers, CallbackManager(handlers=[])):
        manager = CallbackManager.configure(cast("Any", callbacks))
        assert manager.handlers == first.handlers
        assert manager.inheritable_handlers == first.handlers


def test_a_config_with_the_handler_can_be_copied_and_pickled(traced: Traced) -> None:
    (handler,) = CallbackManager.configure().handlers
    assert copy.copy(handler) is copy.deepcopy(handler) is handler
    assert type(pickle.loads(pickle.dumps(handler))) is BaseCallbackHandler


def test_wrapped_functions_look_the_same(traced: Traced) -> None:
    assert inspect.iscoroutinefunction(BaseTool.arun)
    assert inspect.iscoroutinefunction(BaseRetriever.ainvoke)
    assert "run_id" in inspect.signature(BaseTool.run).parameters


def test_a_run_id_of_the_app_stays(traced: Traced) -> None:
    run_id = uuid.uuid4()
    diary = Diary()
    manager = CallbackManager.configure([diary]).on_chain_start({}, {}, run_id, name="mine")
    assert manager.run_id == run_id
    manager.on_chain_end({})
    other = CallbackManager.configure().on_chain_start({}, {}, None, name="other")
    assert other.run_id != run_id
    other.on_chain_end({})
    assert traced.trees()[0] == Seen("mine", node="mine")


def test_uninstall_puts_everything_back() -> None:
    places: list[tuple[Any, str]] = [
        (BaseTool, "run"),
        (BaseRetriever, "invoke"),
        (BaseLLM, "_generate_helper"),
        (CallbackManager, "on_chain_start"),
        (Pregel, "_defaults"),
        (Pregel, "stream"),
        (Pregel, "astream"),
        (PregelLoop, "_first"),
        (PregelLoop, "tick"),
        (RunnableRetry, "_sync_retrying"),
        (runnable_config, "_set_config_context"),
    ]
    before = [id(vars(owner)[name]) for owner, name in places]
    hooks = list(_configure_hooks)
    adapter = unmetered()
    adapter.install()
    states = {point.state for point in adapter.points}
    between = [id(vars(owner)[name]) for owner, name in places]
    adapter.uninstall()
    assert states == {"patched"}
    assert not set(between) & set(before)
    assert [id(vars(owner)[name]) for owner, name in places] == before
    assert list(_configure_hooks) == hooks


def test_suppressed_instrumentation_makes_no_spans(traced: Traced) -> None:
    with suppress_instrumentation():
        RunnableLambda(lambda x: x, name="step").invoke("x")
    assert traced.trees() == []


@pytest.mark.parametrize("provider", [trace.NoOpTracerProvider(), TracerProvider(sampler=ALWAYS_OFF)])
def test_the_scope_holds_where_nothing_is_traced(traced: Traced, provider: trace.TracerProvider) -> None:
    traced.adapter.uninstall()
    adapter = unmetered(provider)
    adapter.install()
    seen = []

    def node(state: MessagesState) -> MessagesState:
        seen.append(scope.current())
        return state

    graph = StateGraph(MessagesState).add_node("node", node).add_edge(START, "node").compile(name="flow")
    graph.invoke(cast("Any", ASK), {"metadata": {"thread_id": "t1"}})
    adapter.uninstall()
    assert seen == [scope.Scope(workflow="flow", implied_stage="node", conversation="t1")]
    assert len(adapter.runs) == 0


class Refusing(Watch):
    """A span processor that fails."""

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        raise RuntimeError("processor")


def test_a_failure_of_ours_does_not_reach_the_app(
    failures: Counter[tuple[str, str]], caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(Refusing())
    adapter = unmetered(provider)
    adapter.install()
    assert (RunnableLambda(lambda x: x, name="a") | RunnableLambda(lambda x: x + "!", name="b")).invoke("x") == "x!"
    adapter.uninstall()
    assert failures == {("langchain-core", "RuntimeError"): 3}
    assert len(caplog.records) == 1, "logged once"
    assert len(adapter.runs) == 0
    assert capsys.readouterr() == ("", "")


def _script(body: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(body)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.strip()


def test_installing_imports_nothing_and_finds_what_is_imported_later() -> None:
    """LangGraph is not there, and the tracer provider is set after the adapter."""
    assert (
        _script(
            """
            import sys
            from spanledger_instrumentation.langchain import LangChainAdapter
            from spanledger.call import Calls
            from spanledger.config import Settings
            from spanledger.lineage import Lineage
            from spanledger.pricing import PriceBook
            adapter = LangChainAdapter(Calls(Settings(), PriceBook(), Lineage()))
            adapter.install()
            assert not [name for name in sys.modules if name.startswith(("langchain", "langgraph", "langsmith"))]
            sys.modules["langgraph"] = None
            from langchain_core.runnables import RunnableLambda
            from opentelemetry import trace
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import SimpleSpanProcessor
            from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
            exporter = InMemorySpanExporter()
            trace.set_tracer_provider(TracerProvider())
            trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(exporter))
            RunnableLambda(lambda x: x, name="step").invoke("x")
            (span,) = exporter.get_finished_spans()
            print(span.name, span.instrumentation_scope.name, len(adapter.runs))
            """
        )
        == "step spanledger.langchain 0"
    )
