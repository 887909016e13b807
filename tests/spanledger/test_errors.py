"""Failures of ours are contained and counted; a refusal is the one exception that reaches the app."""

from __future__ import annotations

import copy
import logging
import pickle
from collections import Counter

import pytest

from spanledger.errors import BudgetExceeded, Refusal, SpanledgerError, contained, exceeded, type_name

REFUSED = BudgetExceeded(Refusal("tenant/day", "exhausted", limit=5, committed=5, retry_after=3.5))


def test_a_failure_is_swallowed_counted_each_time_and_logged_once(
    caplog: pytest.LogCaptureFixture, failures: Counter[tuple[str, str]]
) -> None:
    with caplog.at_level(logging.WARNING, "spanledger"):
        for _ in range(3):
            with contained("part"):
                raise LookupError("gone")
    assert failures == {("part", "LookupError"): 3}
    (record,) = caplog.records
    assert "part" in record.getMessage()
    assert record.exc_info is not None


def test_without_a_failure_nothing_is_counted(failures: Counter[tuple[str, str]]) -> None:
    with contained("part"):
        pass
    assert failures == {}


@pytest.mark.parametrize("error", [REFUSED, KeyboardInterrupt(), SystemExit(1), GeneratorExit()])
def test_refusals_and_interrupts_pass(error: BaseException) -> None:
    with pytest.raises(type(error)), contained("part"):
        raise error


def test_a_refusal_shows_its_facts() -> None:
    assert (REFUSED.budget, REFUSED.kind, REFUSED.limit, REFUSED.held) == ("tenant/day", "exhausted", 5, None)
    assert isinstance(REFUSED, SpanledgerError | RuntimeError)
    with pytest.raises(AttributeError):
        _ = REFUSED.nothing


def test_a_refusal_can_be_copied_and_sent_to_another_process() -> None:
    for same in (copy.copy(REFUSED), pickle.loads(pickle.dumps(REFUSED))):
        assert same.refusal == REFUSED.refusal
        assert str(same) == str(REFUSED)


class FlowError(Exception):
    """Control flow of some framework."""


def test_the_exception_of_a_halt_is_control_flow_of_frameworks_and_stays_so_in_copies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("spanledger.errors.PASSING", [FlowError])
    halt = exceeded(Refusal("run/run", "exhausted", halted=True))
    for one in (halt, copy.copy(halt), pickle.loads(pickle.dumps(halt))):
        assert isinstance(one, BudgetExceeded)
        assert isinstance(one, FlowError)
        assert type_name(one) == "spanledger.BudgetExceeded"
        assert (one.refusal, str(one)) == (halt.refusal, str(halt))
    assert type(exceeded(REFUSED.refusal)) is BudgetExceeded, "it may be tried again"
