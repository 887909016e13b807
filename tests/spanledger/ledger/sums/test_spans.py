"""A window taken apart: every minute of it counts once, every other not at all, and it is few sums."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanledger.ledger.questions.filters import Window
from spanledger.ledger.sums.cuts import DAY, FOUR, GRAINS, HOUR, MINUTE, TEN
from spanledger.ledger.sums.spans import spans

TIMES = st.integers(0, 3 * 10**6)


@given(since=TIMES, length=TIMES, most=st.sampled_from(GRAINS))
def test_every_minute_of_a_window_counts_once_and_no_other(since: int, length: int, most: int) -> None:
    window = Window.of(since, since + length)
    found: Counter[int] = Counter()
    for grain, sign, ats in spans(window.since, window.until, most):
        for at in ats:
            assert at % grain == 0
            found.update(dict.fromkeys(range(at, at + grain, MINUTE), sign))
    assert {minute for minute, count in found.items() if count} == set(range(window.since, window.until, MINUTE))
    assert max(found.values(), default=1) == 1


@given(since=TIMES, length=TIMES)
def test_an_end_costs_three_days_three_times_four_hours_two_hours_three_tens_and_five_minutes_at_most(
    since: int, length: int
) -> None:
    window = Window.of(since, since + length)
    count = Counter[int]()
    for grain, _, ats in spans(window.since, window.until):
        count[grain] += len(ats)
    assert count[MINUTE] <= 10
    assert count[TEN] <= 6 + 3  # the shortest windows have no whole hour
    assert count[HOUR] <= 6
    assert count[FOUR] <= 7
    assert count[DAY] <= 7


@given(since=TIMES, length=TIMES)
def test_what_is_taken_away_is_of_the_day_that_it_is_taken_from(since: int, length: int) -> None:
    window = Window.of(since, since + length)
    by_day: Counter[int] = Counter()
    for grain, sign, ats in spans(window.since, window.until, DAY):
        by_day.update(dict.fromkeys((at // DAY for at in ats), 0))
        for at in ats:
            by_day[at // DAY] += sign * grain
    assert all(0 <= seconds <= DAY for seconds in by_day.values())


@pytest.mark.parametrize("until", [0, -600])
def test_a_window_of_no_time_has_no_sums(until: int) -> None:
    assert spans(0, until) == []
