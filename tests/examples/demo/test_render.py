"""What the terminal shows."""

from __future__ import annotations

import io
from dataclasses import replace
from decimal import Decimal

import pytest
from rich.console import Console, RenderableType
from tests.examples.demo.story import Story, request

from demo import bill, render
from demo.trees import trace


def shown(*views: RenderableType) -> str:
    out = io.StringIO()
    Console(file=out, width=150, highlight=False).print(*views)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()).strip()


def test_a_request_is_shown_as_a_tree_with_tokens_time_and_money() -> None:
    view = render.trace_view(trace(request().spans), "http://127.0.0.1:16686/trace/aa")

    assert shown(view).splitlines() == [
        "✓ POST /recommend  acme / ana  (4.0s | $0.001220 + 1 unpriced)",
        "span                    stage               model           in  cached  out  reasoning  seconds        USD",
        "POST /recommend                                                                            4.00  $0.001220",
        "├─ profile_analyzer     profile_analyzer                                                   1.00",
        "│  └─ chat gpt-4o-mini  profile_analyzer    gpt-4o-mini  1,000       0  100          0     0.90  $0.000210",
        "└─ course_recommender   course_recommender                                                 3.00",
        "   ├─ chat house-blend  course_recommender  house-blend  1,000       0  100          0     0.25   unpriced",
        "   └─ chat gpt-5-mini   course_recommender  gpt-5-mini   2,000   1,152  400        128     2.50  $0.001010",
        "http://127.0.0.1:16686/trace/aa",
    ]


def test_a_failed_request_is_marked_and_bills_nothing() -> None:
    story = Story()
    root = story.span("POST /recommend", 0, 1)
    story.call(root, 0, 1, gen_ai__usage__input_tokens=None, gen_ai__usage__cost__amount=None)
    story.spans[0] = replace(root, failed=True)

    assert shown(render.trace_view(trace(story.spans))).splitlines()[0] == "✗ POST /recommend  (1.0s | nothing billed)"


def test_retries_and_refusals_are_named() -> None:
    story = Story()
    story.spans.append(replace(story.call(None, 0, 1), span_id="b", events=("openai.retry", "exception")))
    story.call(None, 0, 1, error__type="spanledger.BudgetExceeded", gen_ai__usage__input_tokens=None)
    text = shown(render.trace_view(trace(story.spans)))

    assert "chat gpt-4o-mini  (1 retry)" in text
    assert "chat gpt-4o-mini  (refused by a budget)" in text


def test_small_spans_of_one_name_in_a_row_are_shown_once() -> None:
    story = Story()
    root = story.span("POST /recommend", 0, 9)
    for at in range(5):
        story.span("http send", at, at + 1, root)
    story.call(root, 6, 7)
    story.call(root, 7, 8)
    lines = shown(render.trace_view(trace(story.spans))).splitlines()

    assert sum("http send" in line for line in lines) == 1
    assert any("http send  (5 times)" in line for line in lines)
    assert sum("chat gpt-4o-mini" in line for line in lines) == 2


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (None, "unpriced"),
        (Decimal(0), "$0.000000"),
        (Decimal("0.0000004"), "<$0.000001"),
        (Decimal("0.0000015"), "$0.000002"),
        (Decimal("12.3"), "$12.300000"),
    ],
)
def test_money_is_never_made_smaller_than_it_is(amount: Decimal | None, text: str) -> None:
    assert render.usd(amount) == text


def test_a_bill_shows_shares_and_a_total_and_never_a_price_for_the_unpriced() -> None:
    calls = trace(request().spans).calls
    table = render.bill_table("Bill by model", bill.by(lambda call: call.model, calls))

    assert [line.split() for line in shown(table).splitlines()] == [
        ["Bill", "by", "model"],
        ["model", "calls", "in", "cached", "out", "reasoning", "seconds", "share", "of", "cost", "USD"],
        ["gpt-5-mini", "1", "2,000", "1,152", "400", "128", "2.50", "82.8", "%", "$0.001010"],
        ["gpt-4o-mini", "1", "1,000", "0", "100", "0", "0.90", "17.2", "%", "$0.000210"],
        ["house-blend", "1", "1,000", "0", "100", "0", "0.25", "-", "1", "unpriced"],
        ["total", "3", "4,000", "1,152", "600", "128", "3.65", "100.0", "%", "$0.001220", "+", "1", "unpriced"],
    ]


def test_estimated_money_is_marked() -> None:
    story = Story()
    story.call(None, 0, 1, spanledger__usage__estimated=True)
    table = render.bill_table("Bill by model", bill.by(lambda call: call.model, trace(story.spans).calls))

    assert "$0.000210 (estimated)" in shown(table)


def test_books_stand_beside_each_other_with_a_verdict() -> None:
    story = Story()
    story.call(None, 0, 1)
    billed = {"requests": 1, "input_tokens": 1000, "cached_tokens": 0, "output_tokens": 100, "reasoning_tokens": 0}
    calls = trace(story.spans).calls

    def verdict(book: dict[str, int]) -> str:
        return shown(render.match_table(bill.compared(calls, {"by_model": {"gpt-4o-mini": book}})))

    assert "✓ equal" in verdict(billed)
    assert "✗ differs" in verdict(billed | {"output_tokens": 99})
