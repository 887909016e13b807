"""Calls as the ledger has them: metered ones, lost attempts, refusals, and those that only foreign spans tell of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openai
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind
from sqlalchemy import select
from tests.support.asking import COST, MODEL, said
from tests.support.telemetry import BOOK, Telemetry, telemetry

from provider import Provider
from spanledger import BudgetExceeded, scope
from spanledger.call import Calls
from spanledger.config import Settings
from spanledger.ledger import database, opening, schema
from spanledger.lineage import Lineage
from spanledger.messages import Answer, Request
from spanledger.scope import Prompt, Scope, inside
from spanledger.semconv import names
from spanledger.usage import Usage
from spanledger_instrumentation.openai import OpenAIAdapter

NANO = 10**9
REQUEST = Request("chat", "openai", "gpt-4o-mini")
ANSWER = Answer(
    Usage(input=100, output=20, cache_read=40),
    "gpt-4o-mini-2024-07-18",
    attributes={names.GEN_AI_RESPONSE_FINISH_REASONS: ("stop",)},
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(store="memory:", database_url=f"sqlite://{tmp_path}/calls.sqlite")


def rows(settings: Settings, table: Any = schema.calls) -> list[dict[str, Any]]:
    """The ledger when its process has ended, with what its grace was too short for."""
    assert settings.database_url is not None
    opening.recorder_of(settings.database_url, settings).recover_now()
    with database.engine(settings.database_url).connect() as connection:
        return [dict(row._mapping) for row in connection.execute(select(table).order_by(*table.primary_key))]


@contextmanager
def open_ai(budgets: str | None, settings: Settings) -> Iterator[Telemetry]:
    made = telemetry(
        Settings(budgets=budgets, store="memory:", database_url=settings.database_url),
        resource={"service.name": "web", "deployment.environment.name": "prod"},
    )
    adapter = OpenAIAdapter(made.calls)
    adapter.install()
    try:
        yield made
    finally:
        adapter.uninstall()
        made.runtime.shutdown()


def test_a_row_says_who_asked_what_for_how_much_and_how_it_went(client: openai.OpenAI, settings: Settings) -> None:
    payer = Scope(run="r", stage="plan", tenant="acme", user="ann", session="s", request="q", agent="a")
    with open_ai("global=1USD", settings) as made, scope.Held(inside(payer)):
        client.chat.completions.create(model=MODEL, messages=said(), max_tokens=100)
    [row] = rows(settings)
    span = made.one
    assert span.context is not None
    assert row["id"] == made.attributes[names.SPANLEDGER_CALL_ID]
    assert row["trace_id"] == f"{span.context.trace_id:032x}"
    assert row["cost"] == round(COST * NANO)
    assert row["hold"] is not None
    assert 0 < row["ended"] - row["started"] < 30 * NANO
    assert abs(row["started"] - (span.start_time or 0)) < NANO
    assert {name: row[name] for name in ("run", "stage", "tenant", "user", "session", "request", "agent")} == {
        "run": "r", "stage": "plan", "tenant": "acme", "user": "ann", "session": "s", "request": "q", "agent": "a"
    }  # fmt: skip
    assert (row["service"], row["environment"]) == ("web", "prod")
    assert (row["kind"], row["status"], row["attempts"], row["price_status"]) == ("call", "success", 1, "priced")
    [charge] = rows(settings, schema.charges)
    assert charge == {
        "call": row["id"], "budget": "global/total", "scope_value": "", "window": "total", "unit": "USD",
        "amount": row["cost"],
    }  # fmt: skip


def test_an_attempt_that_timed_out_and_may_be_billed_is_a_row_of_its_own(
    provider: Provider, key: str, settings: Settings
) -> None:
    impatient = openai.OpenAI(base_url=provider.base_url, api_key=key, max_retries=1, timeout=0.3)
    with open_ai("global=1USD", settings) as made, pytest.raises(openai.APITimeoutError):
        impatient.chat.completions.create(model=MODEL, messages=said("<<delay_ms=1500>> Hi"), max_tokens=100)
    assert made.calls.guard is not None
    assert made.calls.guard.store is not None
    [figures] = made.calls.guard.store.figures().values()
    found = rows(settings)
    lost = [row for row in found if row["kind"] == "attempt"]
    [call] = [row for row in found if row["kind"] == "call"]
    assert [row["id"] for row in lost] == [f"{call['id']}/1", f"{call['id']}/2"]
    assert {(row["status"], row["estimated"], row["price_status"]) for row in lost} == {("lost", True, "priced")}
    assert sum(row["cost"] for row in lost) == figures.committed > 0
    assert (call["status"], call["attempts"], call["cost"], call["price_status"]) == ("timeout", 2, None, "none")
    assert sum(row["amount"] for row in rows(settings, schema.charges)) == figures.committed


def test_a_lost_attempt_that_no_budget_bounds_has_an_unknown_cost_and_not_0(settings: Settings) -> None:
    made = telemetry(settings)
    call = made.calls.start(REQUEST)
    call.attempt_over(billed=True)
    call.attempt_over(billed=False)
    call.succeed(ANSWER)
    made.runtime.shutdown()
    lost, answered = sorted(rows(settings), key=lambda row: str(row["kind"]))
    assert (lost["cost"], lost["price_status"], lost["estimated"]) == (None, "unpriced", True)
    assert (answered["cost"], answered["finish_reason"], answered["cache_read"]) == (24_000, "stop", 40)


def test_a_refused_call_is_a_row_without_usage(client: openai.OpenAI, settings: Settings) -> None:
    with open_ai("global=0USD", settings), pytest.raises(BudgetExceeded):
        client.chat.completions.create(model=MODEL, messages=said(), max_tokens=100)
    [row] = rows(settings)
    assert (row["status"], row["used"], row["cost"], row["price_status"]) == ("refused", False, None, "none")
    assert row["error_type"] == "spanledger.BudgetExceeded"


def test_spans_that_nobody_samples_are_in_the_ledger_all_the_same(settings: Settings) -> None:
    made = telemetry(settings, sampler=ALWAYS_OFF)
    made.calls.start(REQUEST).succeed(ANSWER)
    made.runtime.shutdown()
    assert [row["cost"] for row in rows(settings)] == [24_000]


def test_without_an_sdk_the_ledger_is_kept(settings: Settings) -> None:
    calls = Calls(settings, BOOK, Lineage(), provider=trace.NoOpTracerProvider())
    calls.ledger = opening.recorder(settings, budgeted=False)
    calls.start(REQUEST, Scope(run="r", prompt=Prompt.of("greet", 2, "Hi"))).succeed(ANSWER)
    calls.close()
    [row] = rows(settings)
    assert (row["run"], row["trace_id"], row["prompt_name"], row["prompt_version"]) == ("r", None, "greet", "2")
    assert row["prompt_hash"].startswith("sha256:")


def test_a_model_without_a_price_is_unpriced(settings: Settings) -> None:
    made = telemetry(settings)
    made.calls.start(Request("chat", "nobody", "home")).succeed(Answer(Usage(input=1)))
    made.runtime.shutdown()
    [row] = rows(settings)
    assert (row["cost"], row["price_status"]) == (None, "unpriced")


def test_a_call_of_another_library_is_known_by_its_span(settings: Settings) -> None:
    made = telemetry(settings)
    tracer = made.provider.get_tracer("somebody.else")
    asked: dict[str, str | int] = {
        names.GEN_AI_OPERATION_NAME: "chat",
        names.GEN_AI_PROVIDER_NAME: "openai",
        names.GEN_AI_REQUEST_MODEL: "gpt-4o-mini",
        names.GEN_AI_USAGE_INPUT_TOKENS: 100,
        names.GEN_AI_USAGE_OUTPUT_TOKENS: 20,
    }
    with tracer.start_as_current_span("chat", inside(Scope(tenant="acme")), SpanKind.CLIENT, asked) as span:
        ids = span.get_span_context()
    made.runtime.shutdown()
    [row] = rows(settings)
    assert row["id"] == f"{ids.trace_id:032x}:{ids.span_id:016x}"
    assert (row["tenant"], row["cost"], row["cost_source"]) == ("acme", 27_000, "local")
    assert row["run"] is not None


def test_an_app_that_asked_for_nothing_writes_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    made = telemetry(Settings())
    made.calls.start(REQUEST).succeed(ANSWER)
    made.runtime.shutdown()
    assert list(tmp_path.iterdir()) == []
