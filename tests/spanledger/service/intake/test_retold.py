"""Calls that a process metered, as the service has them from its spans: the same rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openai
import pytest
from opentelemetry.trace import SpanKind
from sqlalchemy import Engine, func, select
from tests.support.asking import MODEL, said
from tests.support.foreign import CHAT
from tests.support.sending import Taking, attributes, body, exported, span
from tests.support.telemetry import Telemetry, telemetry

from provider import Provider
from spanledger import BudgetExceeded, caching, scope
from spanledger.call import SCOPE_NAME
from spanledger.config import Settings
from spanledger.ledger import database, schema
from spanledger.scope import Prompt, Scope, inside
from spanledger.semconv import names
from spanledger_instrumentation.openai import OpenAIAdapter

PAYER = Scope(
    run="r", stage="plan", tenant="acme", user="ann@example.com", session="s", request="q", agent="a",
    workflow="w", conversation="c", prompt=Prompt.of("p", 2, "Say {x}"),
)  # fmt: skip
#: A span tells durations as its clock has them, and not which graph node a stage was taken from.
NOT_TOLD = {"node", "ended", "first_chunk", "reported_nano_usd", "reported_total"}


def rows(engine: Engine, table: Any = schema.calls) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        found = connection.execute(select(table).order_by(*table.primary_key)).mappings()
        return [{key: value for key, value in row.items() if key not in NOT_TOLD} for row in found]


@pytest.fixture
def asks(provider: Provider, key: str) -> Iterator[openai.OpenAI]:
    """A client that does not retry."""
    with openai.OpenAI(base_url=provider.base_url, api_key=key, max_retries=0) as made:
        yield made


@contextmanager
def app(folder: Path, budgets: str | None = "global=1USD;user/day=2USD;run=9000tokens") -> Iterator[Telemetry]:
    """An app that keeps a ledger of its own."""
    made = telemetry(
        Settings(budgets=budgets, store="memory:", database_url=f"sqlite://{folder}/own.sqlite"),
        resource={"service.name": "web", "deployment.environment.name": "prod"},
    )
    adapter = OpenAIAdapter(made.calls)
    adapter.install()
    yield made
    adapter.uninstall()
    made.runtime.shutdown()


def assert_same(folder: Path, engine: Engine) -> list[dict[str, Any]]:
    """Both ledgers have the same rows and charges; the rows."""
    own = database.engine(f"sqlite://{folder}/own.sqlite")
    found = rows(engine)
    assert found == rows(own)
    assert rows(engine, schema.charges) == rows(own, schema.charges)
    assert found
    return found


def test_a_call_is_the_same_row_whoever_tells_of_it(asks: openai.OpenAI, tmp_path: Path, taking: Taking) -> None:
    with app(tmp_path) as made, scope.Held(inside(PAYER)):
        asks.chat.completions.create(model=MODEL, messages=said(), max_tokens=100)
        for _ in asks.chat.completions.create(model=MODEL, messages=said(), max_tokens=100, stream=True):
            pass
        asks.embeddings.create(model="text-embedding-3-small", input="Hi")
        taking(exported(made.spans))
    found = assert_same(tmp_path, taking.engine)
    assert [row["user"] for row in found] == ["ann@example.com"] * 3


def test_a_call_that_a_cache_could_not_spare_says_so(asks: openai.OpenAI, tmp_path: Path, taking: Taking) -> None:
    with app(tmp_path) as made:
        with caching.lookup():
            caching.missed()
            asks.chat.completions.create(model=MODEL, messages=said(), max_tokens=100)
        asks.chat.completions.create(model=MODEL, messages=said(), max_tokens=100)
        taking(exported(made.spans))
    assert [row["cache"] for row in assert_same(tmp_path, taking.engine)] == ["miss", None]


def test_refusals_and_failures_are_rows_too(asks: openai.OpenAI, tmp_path: Path, taking: Taking) -> None:
    with app(tmp_path, "tenant=0USD") as made, scope.Held(inside(PAYER)), pytest.raises(BudgetExceeded):
        asks.chat.completions.create(model=MODEL, messages=said(), max_tokens=100)
    taking(exported(made.spans))
    with app(tmp_path) as made:
        with pytest.raises(openai.BadRequestError):
            asks.chat.completions.create(model=MODEL, messages=said("<<status=400>> Hi"), max_tokens=100)
        taking(exported(made.spans))
    assert {row["status"] for row in assert_same(tmp_path, taking.engine)} == {"refused", "error"}


def test_a_lost_attempt_is_a_row_with_what_its_budgets_were_charged(
    provider: Provider, key: str, tmp_path: Path, taking: Taking
) -> None:
    impatient = openai.OpenAI(base_url=provider.base_url, api_key=key, max_retries=1, timeout=0.6)
    with app(tmp_path) as made:
        with pytest.raises(openai.APITimeoutError):
            impatient.chat.completions.create(model=MODEL, messages=said("<<delay_ms=2500>> Hi"), max_tokens=100)
        taking(exported(made.spans))
    found = assert_same(tmp_path, taking.engine)
    assert sorted((row["kind"], row["status"], row["attempts"]) for row in found) == [
        ("attempt", "lost", 1), ("attempt", "lost", 1), ("call", "timeout", 2)
    ]  # fmt: skip


@pytest.mark.parametrize(
    "more",
    [
        {},
        {names.GEN_AI_REQUEST_MODEL: "a-model-that-nobody-knows"},
        {"gen_ai.usage.cost": 0.25},
        {names.GEN_AI_OPERATION_NAME: "invoke_agent"},
    ],
    ids=["priced", "unpriced", "with a cost of its own", "a sum"],
)
def test_a_call_of_another_library_is_settled_by_the_process_and_only_retold(
    more: dict[str, Any], tmp_path: Path, taking: Taking
) -> None:
    with app(tmp_path) as made:
        with scope.Held(inside(PAYER)):
            made.provider.get_tracer("library").start_span("x", kind=SpanKind.CLIENT, attributes=CHAT | more).end()
        taking(exported(made.spans))
    assert_same(tmp_path, taking.engine)


def test_what_the_process_wrote_to_the_same_ledger_stays(asks: openai.OpenAI, tmp_path: Path, taking: Taking) -> None:
    settings = Settings(store="memory:", database_url=f"sqlite://{tmp_path}/calls.sqlite")
    made = telemetry(settings)
    adapter = OpenAIAdapter(made.calls)
    adapter.install()
    with scope.Held(inside(Scope(run="r", stage="plan"))):
        asks.chat.completions.create(model=MODEL, messages=said(), max_tokens=100)
    made.provider.get_tracer("library").start_span("x", kind=SpanKind.CLIENT, attributes=CHAT).end()
    adapter.uninstall()
    made.runtime.shutdown()
    before = rows(taking.engine)
    assert len(before) == 2

    assert len(taking(exported(made.spans)).entries) == 2
    assert rows(taking.engine) == before


@pytest.mark.parametrize("at", [0, 2**64 - 1])
def test_a_lost_attempt_is_within_its_call_whatever_its_event_says(taking: Taking, at: int) -> None:
    said = CHAT | {names.SPANLEDGER_CALL_ID: "one"}
    sent = span(said)
    sent.events.add(
        name=names.EVENT_SPANLEDGER_ATTEMPT_LOST,
        time_unix_nano=at,
        attributes=attributes({names.SPANLEDGER_ATTEMPT_NUMBER: 1, names.SPANLEDGER_ATTEMPT_DURATION: 0.5}),
    )
    taking(body(sent, library=SCOPE_NAME))
    with taking.engine.connect() as connection:
        kinds = dict(connection.execute(select(schema.calls.c.id, schema.calls.c.kind)).tuples().all())
        began, ended = connection.execute(
            select(func.min(schema.calls.c.started), func.max(schema.calls.c.ended))
        ).one()
    assert kinds == {"one": "call", "one/1": "attempt"}
    assert (began, ended) == (sent.start_time_unix_nano, sent.end_time_unix_nano)
