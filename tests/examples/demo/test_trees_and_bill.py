"""Spans become trees, trees become a bill, and the bill is held against the provider's."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.examples.demo.story import Story, request

from demo import bill
from demo.spans import Span, Tokens
from demo.trees import Call, trace


def calls(story: Story) -> list[Call]:
    return trace(story.spans).calls


def test_children_stand_below_their_parents_in_the_order_they_started() -> None:
    shuffled = request().spans[::-1]
    names = [node.span.name for node in trace(shuffled).nodes()]

    assert names == [
        "POST /recommend",
        "profile_analyzer",
        "chat gpt-4o-mini",
        "course_recommender",
        "chat house-blend",
        "chat gpt-5-mini",
    ]


def test_stage_tenant_and_user_come_from_the_nearest_span_above() -> None:
    found = {(call.stage, call.tenant, call.model) for call in calls(request())}

    assert found == {
        ("profile_analyzer", "acme", "gpt-4o-mini"),
        ("course_recommender", "acme", "gpt-5-mini"),
        ("course_recommender", "acme", "house-blend"),
    }


def test_a_span_says_itself_where_it_belongs_if_it_can() -> None:
    story = Story()
    outer = story.span("outer", 0, 2, spanledger__stage="outer", spanledger__tenant__id="acme")
    story.call(outer, 0, 1, spanledger__stage="inner", spanledger__tenant__id="globex")

    assert [(call.stage, call.tenant) for call in calls(story)] == [("inner", "globex")]


def test_a_span_without_its_parent_is_a_root_but_does_not_make_the_trace_whole() -> None:
    torn = trace(request().spans[1:])

    assert [root.span.name for root in torn.roots] == ["profile_analyzer", "course_recommender"]
    assert (torn.whole, trace(request().spans).whole) == (False, True)


def test_a_span_without_usage_is_no_call() -> None:
    story = Story()
    story.call(None, 0, 1, gen_ai__usage__input_tokens=None)

    assert calls(story) == []
    assert trace(story.spans).asks_models


def test_the_bill_is_summed_by_stage_the_slowest_first() -> None:
    by_stage = bill.by(lambda call: call.stage, calls(request()))

    assert by_stage == {
        "course_recommender": bill.Sum(2, Tokens(3000, 1152, 500, 128), 2.75, Decimal("0.00101"), unpriced=1),
        "profile_analyzer": bill.Sum(1, Tokens(1000, 0, 100, 0), 0.9, Decimal("0.00021")),
    }


def test_a_call_that_belongs_nowhere_is_billed_as_unattributed() -> None:
    story = Story()
    story.call(None, 0, 1)

    assert list(bill.by(lambda call: call.tenant, calls(story))) == ["unattributed"]


def test_amounts_are_summed_exactly() -> None:
    story = Story()
    for at in range(10):
        story.call(None, at, at + 1, gen_ai__usage__cost__amount=0.1)

    assert bill.total(calls(story)).usd == Decimal(1)


def test_the_source_of_a_sum_says_how_much_of_it_is_estimated() -> None:
    story = Story()
    story.call(None, 0, 1)
    assert bill.total(calls(story)).source == "provider usage"
    story.call(None, 1, 2, spanledger__usage__estimated=True)
    assert bill.total(calls(story)).source == "1 of 2 estimated"
    assert bill.total(calls(story)[1:]).source == "estimated"


def entry(requests: int, given: int, cached: int, output: int, reasoning: int) -> dict[str, int]:
    names = ("requests", "input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens")
    return dict(zip(names, (requests, given, cached, output, reasoning), strict=True))


def test_books_that_are_equal_to_the_last_token_agree() -> None:
    billed = {
        "gpt-4o-mini": entry(1, 1000, 0, 100, 0),
        "gpt-5-mini": entry(1, 2000, 1152, 400, 128),
        "house-blend": entry(1, 1000, 0, 100, 0),
    }

    assert [match.agrees for match in bill.compared(calls(request()), {"by_model": billed})] == [True] * 3


def test_one_token_or_one_call_too_many_is_seen() -> None:
    billed: dict[str, Any] = {
        "gpt-4o-mini": entry(1, 1000, 0, 101, 0),
        "gpt-5-mini": entry(2, 2000, 1152, 400, 128),
        "lost": entry(1, 5, 0, 5, 0),
    }
    matches = bill.compared(calls(request()), {"by_model": billed})

    assert {match.model: match.agrees for match in matches} == dict.fromkeys(
        ("gpt-4o-mini", "gpt-5-mini", "house-blend", "lost"), False
    )


def test_an_empty_trace_is_no_error() -> None:
    nothing: list[Span] = []

    assert trace(nothing).calls == []
    assert bill.total([]) == bill.Sum()
