"""Requests without a cap: what they are sent with so that they fit, and calls asked of a cheaper model."""

from dataclasses import replace

import pytest
from tests.support.guarding import ASKED, BOUND, MODEL, RUN, asking, guard, refusal, usd

from spanledger.bound import AROUND, Bound
from spanledger.budget import inline
from spanledger.errors import Refused
from spanledger.guard import Asked, Cut, Guard

UNCAPPED = Bound(size=100 - AROUND, output=None)


def cut(found: Guard, bound: Bound = UNCAPPED, asked: Asked = ASKED) -> Cut:
    return asking(found, asked).cut(bound)


def test_a_request_with_a_cap_is_left_as_it_is() -> None:
    assert cut(guard("global=1USD"), BOUND) == Cut()


def test_a_budget_that_only_warns_changes_no_request() -> None:
    assert cut(guard("global=1USD,action=warn")) == Cut()


def test_a_cap_is_as_long_as_the_model_can_write_where_there_is_room_for_many() -> None:
    assert cut(guard("global=1USD")) == Cut(output=16_384)


def test_a_cap_takes_a_quarter_of_what_is_left_but_not_less_than_is_of_use() -> None:
    assert cut(guard(f"global={usd(100 * 150 + 40_000 * 600)}")) == Cut(output=10_000)
    assert cut(guard(f"global={usd(100 * 150 + 5_000 * 600)}")) == Cut(output=4_096)
    assert cut(guard(f"global={usd(100 * 150 + 1_000 * 600)}")) == Cut(output=1_000)


def test_where_no_useful_answer_fits_the_attempt_is_refused() -> None:
    found = guard(f"global={usd(100 * 150 + 10 * 600)}")
    wanted = cut(found)
    assert wanted.output == 64
    assert refusal(found, replace(UNCAPPED, output=wanted.output)).kind == "too_large"


def test_several_answers_share_the_room() -> None:
    found = guard(f"global={usd(100 * 150 + 4_000 * 600)}")
    assert cut(found, replace(UNCAPPED, choices=4)) == Cut(output=1_000)


def test_a_budget_may_bound_the_cap_or_want_one_of_the_apps_own() -> None:
    (budget,) = inline.parse("global=1USD")
    assert cut(guard([replace(budget, output_cap=500)])) == Cut(output=500)
    assert cut(guard([replace(budget, uncapped="model_max")])) == Cut()
    with pytest.raises(Refused, match="set max_tokens"):
        cut(guard([replace(budget, uncapped="refuse")]))


def test_a_call_is_asked_of_a_cheaper_model_where_the_dear_one_does_not_fit() -> None:
    (budget,) = inline.parse("global=0.0001USD")
    found = guard([replace(budget, action="downgrade", downgrade_to=MODEL)])
    assert cut(found, Bound(size=100, output=100), Asked("openai", "gpt-4o", RUN)).model == MODEL
    assert cut(found, Bound(size=1, output=1), Asked("openai", "gpt-4o", RUN)).model == MODEL


@pytest.mark.parametrize(("size", "cap"), [(1_000, 4_096), (5_000, 3_192), (30_000, 2_048)])
def test_an_injected_cap_leaves_the_prompt_room_in_a_small_window(size: int, cap: int) -> None:
    asked = Asked("openai", "gpt-4", RUN)
    assert asking(guard("global=100USD"), asked).cut(Bound(size=size, output=None)).output == cap
