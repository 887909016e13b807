"""A refusal passes what retries, and is what the app can catch."""

from __future__ import annotations

import contextvars

import openai
import pytest
from tests.support.asking import MODEL, said
from tests.support.budgeted import budgeted_everywhere

from spanledger import BudgetExceeded
from spanledger.errors import Refusal, Refused
from spanledger.semconv import names
from spanledger_instrumentation.refusal import Door, refuse

REFUSAL = Refusal("run/run", "exhausted")


def retrying(times: int = 3) -> int:
    """A library that retries whatever fails; returns how often it tried."""
    for number in range(1, times + 1):
        try:
            refuse(REFUSAL)
        except Exception:  # noqa: BLE001  as such libraries do
            tried = number
    return tried


def test_an_app_that_stands_right_above_catches_what_was_refused() -> None:
    with pytest.raises(BudgetExceeded) as refused:
        refuse(REFUSAL)
    assert refused.value.refusal is REFUSAL


def test_a_library_behind_a_door_does_not_get_to_retry() -> None:
    assert retrying() == 3
    with pytest.raises(BudgetExceeded) as refused, Door():
        retrying()
    assert refused.value.refusal is REFUSAL
    assert refused.value.__cause__ is None


def test_of_doors_within_doors_the_outermost_lets_the_refusal_out() -> None:
    def inner() -> None:
        with Door():
            retrying()

    def outer() -> None:
        try:
            inner()
        except Exception:  # noqa: BLE001
            pytest.fail("the inner door let it out among the retries")

    with pytest.raises(BudgetExceeded), Door():
        outer()


def test_what_outlives_a_door_gets_what_it_can_catch() -> None:
    with Door():
        kept = contextvars.copy_context()
        with pytest.raises(Refused):
            kept.run(refuse, REFUSAL)
    with pytest.raises(BudgetExceeded):
        kept.run(refuse, REFUSAL)


def test_other_errors_pass_a_door_as_they_are() -> None:
    with pytest.raises(LookupError, match="the app's own"), Door():
        raise LookupError("the app's own")


def test_below_a_door_the_refusal_of_a_client_passes_what_retries_and_its_span_says_the_same(
    client: openai.OpenAI,
) -> None:
    def retrying() -> None:
        try:
            client.chat.completions.create(model=MODEL, messages=said())
        except Exception:  # noqa: BLE001  as such libraries do
            pytest.fail("the library could have retried")

    with budgeted_everywhere("global=0USD") as made:
        with pytest.raises(BudgetExceeded), Door():
            retrying()
        assert made.attributes[names.ERROR_TYPE] == "spanledger.BudgetExceeded"
        assert names.GEN_AI_USAGE_INPUT_TOKENS not in made.attributes
