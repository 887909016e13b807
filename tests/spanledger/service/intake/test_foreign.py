"""Calls of instrumentations that are not ours, from apps without a spanledger: each counts once, in whatever order."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from sqlalchemy import func, select
from tests.support.foreign import AGENT, CHAT, TWICE
from tests.support.sending import COST, Taking, body, span

from spanledger.ledger import schema
from spanledger.lineage import Booked, Facts
from spanledger.semconv import names
from spanledger.service.intake.family import DEEPEST, Family
from spanledger.service.intake.translating import COUNTS, TENANT, TIMES
from spanledger.usage import Usage

STRUCTURE: dict[str, Any] = {names.GEN_AI_OPERATION_NAME: "execute_tool"}


def total(taking: Taking) -> tuple[int, int]:
    """How many rows there are, and what they cost."""
    with taking.engine.connect() as connection:
        count, cost = connection.execute(select(func.count(), func.sum(schema.calls.c.cost))).one()
        return int(count), int(cost or 0)


@pytest.mark.parametrize(
    ("library", "said"),
    [
        ("opentelemetry.instrumentation.genai.openai", CHAT),
        (
            "opentelemetry.instrumentation.openai.v1",
            {
                "llm.request.type": "chat",
                "gen_ai.system": "openai",
                "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.usage.prompt_tokens": 100,
                "gen_ai.usage.completion_tokens": 20,
            },
        ),
        (
            "openinference.instrumentation.openai",
            {
                "openinference.span.kind": "LLM",
                "llm.provider": "openai",
                "llm.model_name": "gpt-4o-mini",
                "llm.token_count.prompt": 100,
                "llm.token_count.completion": 20,
            },
        ),
        (
            "openlit.otel.tracing",
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.system": "openai",
                "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.usage.input_tokens": 100,
                "gen_ai.usage.output_tokens": 20,
                "gen_ai.usage.cost": 0.000027,
            },
        ),
    ],
    ids=["official", "openllmetry", "openinference", "openlit"],
)
def test_every_dialect_is_the_same_call_at_the_same_price(taking: Taking, library: str, said: dict[str, Any]) -> None:
    [entry] = taking.entries(span(said, trace=7, id_=9), library=library)

    assert entry.id == f"{7:032x}:{9:016x}"
    assert (entry.operation, entry.provider, entry.service) == ("chat", "openai", "web")
    assert entry.usage is not None
    assert (entry.usage.input, entry.usage.output) == (100, 20)
    assert (entry.cost, entry.price_status) == (COST, "priced")


def test_an_unknown_price_is_unknown_and_not_0(taking: Taking) -> None:
    [entry] = taking.entries(span({**CHAT, names.GEN_AI_REQUEST_MODEL: "nobody-knows"}))

    assert (entry.cost, entry.price_status) == (None, "unpriced")


def test_spans_without_usage_and_covered_ones_make_no_row(taking: Taking) -> None:
    covered = {**AGENT, names.SPANLEDGER_COVERED_BY: names.SPANLEDGER_COVERED_BY_AROUND}

    assert taking.entries(span(STRUCTURE), span({}), span(covered)) == []


def family() -> list[Span]:
    """An agent that adds up what two calls below a tool used; one of them is told by two libraries' spans."""
    return [
        span(CHAT, trace=5, id_=4, parent=3, start=-9, took=1),
        span({**CHAT, names.GEN_AI_RESPONSE_ID: "x"}, trace=5, id_=5, parent=2, start=-7, took=1),
        span({**CHAT, names.GEN_AI_RESPONSE_ID: "x"}, trace=5, id_=3, parent=2, start=-9.1, took=1.2),
        span(STRUCTURE, trace=5, id_=2, parent=1, start=-9.2, took=4),
        span(TWICE, trace=5, id_=1, start=-10, took=6),
    ]


@pytest.mark.parametrize("cut", range(6))
def test_a_sum_is_not_added_to_its_calls_however_the_spans_are_sent(taking: Taking, cut: int) -> None:
    spans = family()
    taking.entries(*spans[:cut])
    taking.entries(*spans[cut:])
    taking.entries(*spans)

    assert total(taking) == (2, 2 * COST)


@pytest.mark.parametrize("cut", range(5))
def test_nor_when_the_service_was_killed_in_between(taking: Taking, cut: int) -> None:
    spans = [one for one in family() if one.span_id != (3).to_bytes(8, "big")]
    taking.entries(*spans[:cut])
    taking.again()
    taking.entries(*spans[cut:])
    taking.again()
    taking.entries(*spans)

    assert total(taking) == (2, 2 * COST)


def test_calls_that_come_after_their_sum_do_not_count_on_top_of_it(taking: Taking) -> None:
    first, *rest = reversed(family())
    for one in (first, *rest):
        taking.entries(one)

    assert total(taking) == (1, 2 * COST)


def test_a_sum_alone_counts_as_an_estimate(taking: Taking) -> None:
    [entry] = taking.entries(span(AGENT))

    assert (entry.cost, entry.estimated) == (COST, True)


def test_equal_calls_side_by_side_count_each(taking: Taking) -> None:
    spans = [span(CHAT, trace=5, id_=number, parent=1, start=-9 + number / 100, took=1) for number in range(2, 12)]
    taking.entries(*spans[:5])
    taking.again()
    taking.entries(*spans[5:])

    assert total(taking) == (10, 10 * COST)


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(2, 30))
def test_whatever_the_shape_of_a_trace_and_the_order_no_token_is_counted_twice(dice: random.Random, count: int) -> None:
    """Calls are leaves, sums stand above them and add them up: in the end at most the leaves are counted."""
    parents = {number: dice.randrange(number) for number in range(1, count)}
    leaves = set(range(count)) - set(parents.values())
    below = {number: set[int]() for number in range(count)}
    for leaf in leaves:
        at: int | None = leaf
        while at is not None:
            below[at].add(leaf)
            at = parents.get(at)
    known = Family()
    booked = Booked("library", 1, Usage(3, 2), 0, 1)
    for number in dice.sample(range(count), count):
        node = known.told(number + 1, parents[number] + 1 if number in parents else None)
        if number in leaves:
            known.count(node, Facts("chat", "openai", usage=booked.usage, cost=7), number, booked)
    for number in set(range(count)) - leaves:
        node = known.told(number + 1, None)
        size = len(below[number])
        assert (node.input, node.output, node.cost) == (3 * size, 2 * size, 7 * size)


def test_spans_that_enclose_each_other_in_a_circle_or_without_end_are_no_trouble(taking: Taking) -> None:
    circle = [
        span(CHAT, trace=5, id_=1, parent=2),
        span(CHAT, trace=5, id_=2, parent=3),
        span(CHAT, trace=5, id_=3, parent=1),
    ]
    assert taking.entries(*circle)

    known = Family()
    for number in range(1, 20 * DEEPEST):
        known.told(number, number + 1)
    longest = 0
    for start in range(1, 20 * DEEPEST, 97):
        node, length = known.open(start), 0
        while node is not None:
            node, length = node.parent, length + 1
        longest = max(longest, length)
    assert longest <= DEEPEST + 2


def test_the_same_request_again_changes_nothing(taking: Taking) -> None:
    data = body(*(span(CHAT) for _ in range(5)))
    for _ in itertools.repeat(None, 3):
        taking(data)

    assert total(taking) == (5, 5 * COST)


def test_a_limited_token_writes_for_its_tenant_alone(taking: Taking) -> None:
    spans = [span({**CHAT, **({names.SPANLEDGER_TENANT_ID: who} if who else {})}) for who in ("acme", "globex", "")]
    found = taking(body(*spans), "acme")

    assert [entry.tenant for entry in found.entries] == ["acme", "acme"]
    assert found.rejected == {TENANT: 1}


@pytest.mark.parametrize(
    ("start", "took"), [(-1e9, 1), (3 * 86_400, 1), (-40 * 86_400, 39 * 86_400)], ids=["long ago", "ahead", "endless"]
)
def test_times_that_cannot_be_are_rejected(taking: Taking, start: float, took: float) -> None:
    when = span(CHAT, took=took)
    when.start_time_unix_nano += int((start + 60) * 1e9)
    when.end_time_unix_nano += int((start + 60) * 1e9)
    found = taking(body(when, span(CHAT)))

    assert (len(found.entries), found.rejected) == (1, {TIMES: 1})


def test_counts_and_amounts_beyond_belief_are_none(taking: Taking) -> None:
    huge = {**CHAT, names.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: 2**62}
    [entry] = taking.entries(span(huge), span({**CHAT, "gen_ai.usage.cost": 1e300}))

    assert (entry.cost, entry.price_status) == (None, "unpriced")
    assert total(taking) == (1, 0)


def test_a_call_with_counts_beyond_belief_is_rejected_and_not_forgotten(taking: Taking) -> None:
    huge = {**CHAT, names.GEN_AI_USAGE_INPUT_TOKENS: 10**10}
    covered = {**huge, names.SPANLEDGER_COVERED_BY: names.SPANLEDGER_COVERED_BY_AROUND}
    found = taking(body(span(huge), span(covered), span(CHAT)))

    assert (len(found.entries), found.rejected) == (1, {COUNTS: 1})


@pytest.mark.parametrize(
    ("said", "status", "error"), [({}, "error", "_OTHER"), ({names.ERROR_TYPE: "Timeout"}, "timeout", "Timeout")]
)
def test_a_call_whose_span_failed_has_failed(taking: Taking, said: Any, status: str, error: str) -> None:
    one = span({**CHAT, **said})
    one.status.code = Status.STATUS_CODE_ERROR
    [entry] = taking.entries(one)

    assert (entry.status, entry.error_type, entry.cost) == (status, error, COST)


def test_counts_that_are_written_as_text_are_counts(taking: Taking) -> None:
    [entry] = taking.entries(
        span({**CHAT, names.GEN_AI_USAGE_INPUT_TOKENS: "100", names.GEN_AI_USAGE_OUTPUT_TOKENS: "20"})
    )

    assert (entry.cost, entry.suspect) == (COST, False)


@pytest.mark.parametrize("value", ["many", "1e2", "²", "-1", float("nan"), True, ("7",)], ids=repr)
def test_a_count_that_cannot_be_read_makes_its_call_suspect(taking: Taking, value: Any) -> None:
    [entry] = taking.entries(span({**CHAT, names.GEN_AI_USAGE_INPUT_TOKENS: value}))

    assert entry.usage is not None
    assert (entry.usage.input, entry.usage.output, entry.suspect) == (0, 20, True)


def test_texts_of_any_length_and_kind_are_cut_to_what_a_database_takes(taking: Taking) -> None:
    odd = {**CHAT, names.SPANLEDGER_TENANT_ID: "é" * 5000, names.USER_ID: "a\0b", names.SPANLEDGER_STAGE: "'; DROP"}
    [entry] = taking.entries(span(odd))

    assert entry.tenant == "é" * 256
    assert total(taking) == (1, COST)
