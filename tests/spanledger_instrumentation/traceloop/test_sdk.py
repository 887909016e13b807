"""traceloop-sdk's decorators and association properties: who pays for the calls inside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from opentelemetry import context
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind
from tests.support.telemetry import Telemetry
from tests.support.tracing import paths
from traceloop.sdk import Traceloop
from traceloop.sdk.associations.associations import AssociationProperty, Associations
from traceloop.sdk.decorators import agent, conversation, task, tool, workflow

import spanledger
from spanledger import scope
from spanledger.messages import Answer, Request
from spanledger.scope import Scope
from spanledger.semconv import names
from spanledger.usage import Usage
from spanledger_instrumentation.traceloop.properties import of_properties

PAYER = (names.SPANLEDGER_STAGE, names.SPANLEDGER_TENANT_ID, names.USER_ID, names.SESSION_ID)


Ask = Callable[[], dict[str, Any]]


@pytest.fixture
def ask(switched_on: Telemetry) -> Iterator[Ask]:
    """Make a call of ours here, and tell who pays for it. Association properties stay until the context ends."""

    def call() -> dict[str, Any]:
        made = switched_on.calls.start(Request("chat", "openai", "gpt-4o-mini"))
        made.succeed(Answer(Usage(input=100, output=20)))
        return switched_on.said[-1]

    token = context.attach(Context())
    yield call
    context.detach(token)


def test_a_task_is_a_stage_until_it_returns(ask: Ask) -> None:
    @task(name="retrieve")
    def inner() -> dict[str, Any]:
        return ask()

    assert inner()[names.SPANLEDGER_STAGE] == "retrieve"
    assert ask()[names.SPANLEDGER_STAGE] == "unattributed"


def test_the_innermost_name_counts_whoever_gave_it(ask: Ask) -> None:
    @task(name="inner")
    def inner() -> dict[str, Any]:
        return ask()

    @task(name="outer")
    def outer() -> tuple[dict[str, Any], ...]:
        with spanledger.stage("ours"):
            return inner(), ask()

    assert [said[names.SPANLEDGER_STAGE] for said in outer()] == ["inner", "ours"]


def test_an_agent_is_a_stage_and_an_execution(switched_on: Telemetry, ask: Ask) -> None:
    @agent(name="planner")
    def plan() -> dict[str, Any]:
        return ask()

    said = plan()
    assert (said[names.SPANLEDGER_STAGE], said[names.GEN_AI_AGENT_NAME]) == ("planner", "planner")
    assert switched_on.points("agent.tokens") == [({names.GEN_AI_AGENT_NAME: "planner"}, 120)]


def test_a_tool_is_no_stage(ask: Ask) -> None:
    @tool(name="search")
    def search() -> dict[str, Any]:
        return ask()

    assert search()[names.SPANLEDGER_STAGE] == "unattributed"


def test_a_workflow_is_a_run_of_its_own_each_time(ask: Ask) -> None:
    @workflow(name="booking")
    def book() -> tuple[dict[str, Any], ...]:
        return ask(), ask()

    first, again, later = (*book(), book()[0])
    assert first[names.GEN_AI_WORKFLOW_NAME] == "booking"
    assert first[names.SPANLEDGER_RUN_ID] == again[names.SPANLEDGER_RUN_ID] != later[names.SPANLEDGER_RUN_ID]
    assert first[names.SPANLEDGER_RUN_ID].startswith("run-")


def test_a_workflow_inside_a_run_belongs_to_it(switched_on: Telemetry, ask: Ask) -> None:
    @workflow(name="booking")
    def book() -> Any:
        return ask()[names.SPANLEDGER_RUN_ID]

    with spanledger.run("named"):
        assert book() == "named"
    with switched_on.tracer.start_as_current_span("GET /", kind=SpanKind.SERVER) as span:
        own = span.get_span_context()
        assert book() == f"{own.trace_id:032x}-{own.span_id:016x}"


def test_spans_hang_where_the_app_has_them(switched_on: Telemetry, ask: Ask) -> None:
    @task(name="retrieve")
    def inner() -> None:
        ask()

    @workflow(name="booking")
    def book() -> None:
        inner()

    book()
    above = "booking.workflow", "booking.workflow > retrieve.task"
    assert paths(switched_on.spans) == [*above, f"{above[1]} > chat gpt-4o-mini"]


def test_nothing_is_printed_without_init(ask: Ask, capsys: pytest.CaptureFixture[str]) -> None:
    @workflow(name="booking")
    def book() -> None:
        ask()

    book()
    assert capsys.readouterr() == ("", "")


def test_arguments_and_results_are_not_kept(switched_on: Telemetry) -> None:
    @task(name="secret")
    def inner(_word: str) -> str:
        return "kept by nobody"

    inner("kept by nobody")
    assert "kept by nobody" not in str([dict(span.attributes or {}) for span in switched_on.spans])


def test_coroutines_and_async_generators_are_read_too(ask: Ask) -> None:
    @task(name="asked")
    async def asked() -> Any:
        return ask()[names.SPANLEDGER_STAGE]

    @task(name="streamed")
    async def streamed() -> AsyncIterator[Any]:
        yield ask()[names.SPANLEDGER_STAGE]

    async def both() -> list[Any]:
        return [await asked(), *[found async for found in streamed()]]

    assert asyncio.run(both()) == ["asked", "streamed"]


def test_an_app_that_switched_traceloop_off_gets_no_spans(
    switched_on: Telemetry, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACELOOP_TRACING_ENABLED", "false")

    @task(name="retrieve")
    def inner() -> dict[str, Any]:
        return ask()

    assert inner()[names.SPANLEDGER_STAGE] == "unattributed"
    assert paths(switched_on.spans) == ["chat gpt-4o-mini"]


def test_association_properties_say_who_pays(ask: Ask) -> None:
    Traceloop.set_association_properties({"tenant_id": "acme", "user_id": 7, "session_id": "s-1", "colour": "red"})
    assert [ask().get(name) for name in PAYER] == ["unattributed", "acme", "7", "s-1"]


def test_associations_and_conversations_say_it_too(ask: Ask) -> None:
    @conversation("c-1")
    def talk() -> dict[str, Any]:
        return ask()

    Associations.set([(AssociationProperty.CUSTOMER_ID, "acme"), (AssociationProperty.USER_ID, "u-1")])
    said = talk()
    assert [said.get(name) for name in PAYER] == ["unattributed", "acme", "u-1", None]
    assert said[names.GEN_AI_CONVERSATION_ID] == "c-1"
    assert names.GEN_AI_CONVERSATION_ID not in ask()


@pytest.mark.parametrize(
    ("properties", "scope_of_them"),
    [
        ({"userId": "u", "org-id": "o"}, Scope(user="u", tenant="o")),
        ({"customer_id": "c", "tenant_id": "t"}, Scope(tenant="t")),
        ({"run_id": "r", "request.id": "q", "chat_id": "c"}, Scope(run="r", request="q", conversation="c")),
        ({"user_id": " ", "tenant_id": None}, scope.EMPTY),
        ("no mapping", scope.EMPTY),
    ],
    ids=["spellings", "tenant first", "others", "blank", "nonsense"],
)
def test_the_spelling_of_a_property_does_not_matter(properties: object, scope_of_them: Scope) -> None:
    assert of_properties(properties) == scope_of_them
