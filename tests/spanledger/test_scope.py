"""Scope goes where the context goes; as baggage it goes further, and comes back the same."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import baggage, context
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context

from spanledger import scope
from spanledger.scope import Held, Prompt, Scope
from spanledger.semconv import names

TRAVELS = ("run", "stage", "tenant", "user", "session", "request", "conversation")
words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(lambda word: word == word.strip())
scopes = st.builds(Scope, **{name: st.none() | words for name in TRAVELS})


@given(scopes)
def test_what_travels_is_read_back_the_same(there: Scope) -> None:
    assert scope.of(scope.entries(there)) == there


@given(scopes)
def test_a_scope_survives_the_headers_of_a_request(there: Scope) -> None:
    carrier: dict[str, str] = {}
    W3CBaggagePropagator().inject(carrier, scope.inside(there, Context()))
    assert scope.from_baggage(W3CBaggagePropagator().extract(carrier, Context())) == there


@given(scopes, scopes)
def test_the_inner_scope_counts_and_the_outer_fills_what_it_leaves_open(inner: Scope, outer: Scope) -> None:
    both = scope.current(scope.inside(inner, scope.inside(outer, Context())))
    for name in TRAVELS:
        own = getattr(inner, name)
        assert getattr(both, name) == (getattr(outer, name) if own is None else own)


@given(scopes)
def test_nothing_of_ours_is_left_in_baggage_that_is_cleaned(there: Scope) -> None:
    mine = baggage.set_baggage("mine", "kept", Context())
    assert baggage.get_all(scope.without_baggage(scope.inside(there, mine))) == {"mine": "kept"}


def test_no_scope_is_the_empty_one() -> None:
    assert scope.current(Context()) == scope.EMPTY
    assert scope.EMPTY.attributes() == {}


def test_a_value_from_outside_is_cut_to_a_bearable_length() -> None:
    assert scope.of({names.USER_ID: "u" * 1000}).user == "u" * 256


def test_unknown_and_empty_entries_are_ignored() -> None:
    assert scope.of({"other": "x", names.USER_ID: ""}) == scope.EMPTY


def test_a_scope_becomes_attributes() -> None:
    prompt = Prompt.of("greet", 3, "Hello {name}")
    assert Scope(run="r", tenant="t", user="u", session="s", agent="a", prompt=prompt).attributes() == {
        names.SPANLEDGER_RUN_ID: "r",
        names.SPANLEDGER_TENANT_ID: "t",
        names.USER_ID: "u",
        names.SESSION_ID: "s",
        names.GEN_AI_AGENT_NAME: "a",
        names.GEN_AI_PROMPT_NAME: "greet",
        names.GEN_AI_PROMPT_VERSION: "3",
        names.SPANLEDGER_PROMPT_HASH: "sha256:833583c574131c1ec81313e982643b9f5fba312df50f7c97db0572ad1ce5a929",
    }


def test_an_implied_stage_serves_until_one_is_named() -> None:
    assert Scope(implied_stage="node").attributes()[names.SPANLEDGER_STAGE] == "node"
    assert Scope(implied_stage="node", stage="named").attributes()[names.SPANLEDGER_STAGE] == "named"


def test_tasks_and_executors_with_a_copied_context_have_the_scope() -> None:
    async def tenant() -> str | None:
        return scope.current().tenant

    async def main() -> tuple[str | None, str | None]:
        held = Held(scope.inside(Scope(tenant="acme")))
        here = contextvars.copy_context()
        with ThreadPoolExecutor(1) as pool:
            other = pool.submit(here.run, lambda: scope.current().tenant).result()
        found = await asyncio.create_task(tenant()), other
        held.release()
        return found

    assert asyncio.run(main()) == ("acme", "acme")


def test_a_held_context_is_taken_back() -> None:
    before = context.get_current()
    held = Held(scope.inside(Scope(tenant="acme")))
    assert scope.current().tenant == "acme"
    held.release()
    assert context.get_current() is before


def test_a_held_context_is_left_where_another_is_current_by_now() -> None:
    held = Held(scope.inside(Scope(tenant="outer")))
    inner = Held(scope.inside(Scope(tenant="inner")))
    held.release()
    assert scope.current().tenant == "inner"
    inner.release()
    assert scope.current().tenant == "outer"
    held.release()


def test_a_generator_finalised_in_a_foreign_task_takes_nothing_back() -> None:
    async def held() -> AsyncIterator[str | None]:
        inside = Held(scope.inside(Scope(tenant="acme")))
        try:
            yield scope.current().tenant
        finally:
            inside.release()

    async def main() -> str | None:
        stream = held()
        await asyncio.create_task(anext(stream))  # type: ignore[arg-type]
        await asyncio.create_task(stream.aclose())  # type: ignore[attr-defined]
        return scope.current().tenant

    assert asyncio.run(main()) is None


def test_the_run_of_the_process_is_always_the_same() -> None:
    assert scope.process_run() == scope.process_run() != ""
