"""Every run ends exactly once, whatever becomes of it, and says how."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler, CallbackManager
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableGenerator, RunnableLambda
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphRecursionError
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command, RetryPolicy, interrupt
from tests.spanledger_instrumentation.langchain.structure import Seen, Traced

from spanledger.errors import BudgetExceeded, Refusal

THREAD: Any = {"configurable": {"thread_id": "t1"}}
EMPTY: Any = {"messages": []}


class BrokenError(Exception):
    """What breaks in these tests."""


BROKEN = f"{BrokenError.__module__}.{BrokenError.__qualname__}"


def _raises(error: BaseException) -> Any:
    def step(_: Any) -> Any:
        raise error

    return RunnableLambda(step)


def _graph(traced: Traced, node: Any, **compiled: Any) -> Any:
    del traced
    return StateGraph(MessagesState).add_node("node", node).add_edge(START, "node").compile(name="flow", **compiled)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (BrokenError("with content"), BROKEN),
        (ValueError("with content"), "ValueError"),
        (BudgetExceeded(Refusal("run/run", "exhausted")), "spanledger.BudgetExceeded"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
    ],
)
@pytest.mark.parametrize("way", ["invoke", "stream", "batch"])
def test_an_error_is_on_every_span_that_it_passes_and_says_only_its_class(
    traced: Traced, error: BaseException, kind: str, way: str
) -> None:
    chain = RunnableLambda(lambda x: x, name="before") | _raises(error)
    with pytest.raises(type(error)) as raised:
        list(getattr(chain, way)(["x"] if way == "batch" else "x"))
    assert raised.value is error
    assert traced.tree == Seen(
        "chain", Seen("before", node="before"), Seen("step", node="step", error=kind), error=kind
    )


def test_an_error_that_is_caught_stays_where_it_was(traced: Traced) -> None:
    chain = _raises(BrokenError()).with_fallbacks([RunnableLambda(lambda _: "fine", name="other")])
    assert chain.invoke("x") == "fine"
    assert traced.tree == Seen("chain", Seen("step", node="step", error=BROKEN), Seen("other", node="other"))


def test_a_batch_that_returns_exceptions_has_one_failed_chain(traced: Traced) -> None:
    def step(number: int) -> int:
        if number == 1:
            raise BrokenError
        return number

    chain = RunnableLambda(step) | RunnableLambda(lambda x: x)
    results = chain.batch([0, 1, 2], return_exceptions=True)
    assert [type(result) for result in results] == [int, BrokenError, int]
    assert [root.attributes.get("error") for root in traced.trees()] == [None, BROKEN, None]


def test_a_node_that_fails_and_is_retried_is_two_spans(traced: Traced) -> None:
    tries = []

    def node(_: MessagesState) -> Any:
        tries.append(1)
        if len(tries) == 1:
            raise BrokenError
        return traced.call()

    policy = RetryPolicy(initial_interval=0, jitter=False, retry_on=BrokenError)
    graph: Any = StateGraph(MessagesState)
    graph.add_node("node", node, retry_policy=policy).add_edge(START, "node").compile(name="flow").invoke(EMPTY)
    assert traced.tree.below == [
        Seen("node", node="node", error=BROKEN),
        Seen("node", Seen("chat m", stage="node", workflow="flow"), node="node"),
    ]


def test_a_graph_without_end_fails(traced: Traced) -> None:
    graph = StateGraph(MessagesState).add_node("node", lambda _: {}).add_edge(START, "node").add_edge("node", "node")
    with pytest.raises(GraphRecursionError):
        graph.compile(name="flow").invoke(EMPTY, {"recursion_limit": 2})
    assert traced.tree.attributes["error"] == "langgraph.errors.GraphRecursionError"
    assert [below.attributes for below in traced.tree.below] == [{"node": "node"}] * 2


def test_an_interrupted_graph_has_not_failed_and_its_resumption_is_another_run(traced: Traced) -> None:
    def ask(_: Any) -> Any:
        interrupt("sure?")
        return traced.call()

    graph = _graph(traced, ask, checkpointer=InMemorySaver())
    assert graph.invoke(EMPTY, THREAD)["__interrupt__"]
    graph.invoke(Command(resume="yes"), THREAD)
    flow = {"op": "invoke_workflow", "workflow": "flow", "conversation": "t1"}
    node = {"node": "node", "conversation": "t1"}
    call = Seen("chat m", stage="node", workflow="flow", conversation="t1")
    assert traced.trees() == [
        Seen("invoke_workflow flow", Seen("node", **node), **flow),
        Seen("invoke_workflow flow", Seen("node", call, **node), **flow),
    ]


def test_a_tool_and_a_subgraph_that_interrupt_have_not_failed(traced: Traced) -> None:
    @tool
    def confirm(what: str) -> str:
        """Confirm."""
        return str(interrupt(what))

    inner = _graph(traced, lambda _: confirm.invoke({"what": "x"}))
    graph = StateGraph(MessagesState).add_node("sub", inner).add_edge(START, "sub")
    graph.compile(name="outer", checkpointer=InMemorySaver()).invoke(EMPTY, THREAD)
    names = ["invoke_workflow outer", "sub", "invoke_workflow flow", "node", "execute_tool confirm"]
    assert [line.strip() for line in traced.outline().splitlines()] == names
    assert "error" not in repr(traced.tree)


def test_a_command_for_the_parent_graph_is_no_error(traced: Traced) -> None:
    inner = _graph(traced, lambda _: Command(graph=Command.PARENT, goto="other"))
    graph = StateGraph(MessagesState).add_node("sub", inner).add_node("other", lambda _: traced.call())
    graph.add_edge(START, "sub").compile(name="outer").invoke(EMPTY)
    assert traced.outline().split("\n  ")[-2:] == ["other", "  chat m"]
    assert "error" not in repr(traced.tree)


def test_a_stream_that_is_left_ends_its_spans_without_an_error(traced: Traced) -> None:
    def words(_: Any) -> Any:
        yield "one"
        yield "two"

    chain: Any = RunnableGenerator(words).with_config(run_name="words") | RunnableLambda(lambda x: x)
    stream = chain.with_config(run_name="both").stream("x")
    assert next(stream)
    stream.close()
    assert traced.open == 0
    assert "error" not in repr(traced.trees())


def test_a_stream_that_is_dropped_ends_its_spans(traced: Traced) -> None:
    chain: Any = RunnableLambda(lambda x: x, name="first") | traced.model("one two three")
    for _ in chain.stream("x"):
        break
    assert traced.open == 0
    assert traced.tree == Seen("chain", Seen("first", node="first"), Seen("chat m"))


def test_a_stream_that_is_never_begun_makes_no_span(traced: Traced) -> None:
    (RunnableLambda(lambda x: x) | traced.model()).stream("x")
    assert traced.trees() == []


def test_a_graph_stream_that_is_left_ends_its_spans_without_an_error(traced: Traced) -> None:
    graph = StateGraph(MessagesState).add_node("a", lambda _: traced.call()).add_node("b", lambda _: traced.call())
    graph.add_edge(START, "a").add_edge("a", "b")
    for _ in graph.compile(name="flow").stream(EMPTY, stream_mode="updates"):
        break
    call = Seen("chat m", stage="a", workflow="flow")
    assert traced.tree == Seen("invoke_workflow flow", Seen("a", call, node="a"), op="invoke_workflow", workflow="flow")


@pytest.mark.parametrize("error", [SystemExit(1), GeneratorExit(), BrokenError()])
def test_tools_and_retrievers_end_by_exceptions_that_langchain_does_not_report(
    traced: Traced, error: BaseException
) -> None:
    @tool
    def leave(what: str) -> str:
        """Leave."""
        raise error

    class Leave(BaseRetriever):
        def _get_relevant_documents(self, query: str, **_: Any) -> list[Document]:
            raise error

    for call in (lambda: leave.invoke({"what": "x"}), lambda: Leave().invoke("x")):
        with pytest.raises(type(error)):
            call()
    kinds = {SystemExit: "SystemExit", GeneratorExit: None, BrokenError: BROKEN}
    assert [root.attributes.get("error") for root in traced.trees()] == [kinds[type(error)]] * 2


class Refuses(BaseCallbackHandler):
    """A handler of the app that stops a run as it starts."""

    raise_error = True

    def on_chain_start(self, *args: Any, **kwargs: Any) -> None:
        raise BrokenError

    def on_tool_start(self, *args: Any, **kwargs: Any) -> None:
        raise BrokenError


class Inline(Refuses):
    """The same, called after ours in async runs too."""

    run_inline = True


@pytest.mark.parametrize("handler", [Refuses, Inline])
def test_a_run_that_another_handler_stops_as_it_starts_has_ended(
    traced: Traced, handler: type[BaseCallbackHandler]
) -> None:
    (ours,) = CallbackManager.configure().handlers
    for handlers in ([handler()], [ours, handler()]):
        with pytest.raises(BrokenError):
            RunnableLambda(lambda x: x, name="step").invoke("x", {"callbacks": handlers})
        assert traced.open == 0
    assert traced.trees() == [Seen("step", node="step", error=BROKEN)]  # the first one was over before we heard of it


def test_many_threads_at_once(traced: Traced) -> None:
    chain = RunnableLambda(lambda x: x, name="first") | traced.model() | RunnableLambda(lambda x: x, name="last")

    def work() -> None:
        for _ in range(20):
            chain.invoke("x")

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = Seen("chain", Seen("first", node="first"), Seen("chat m"), Seen("last", node="last"))
    assert traced.trees() == [expected] * 160
