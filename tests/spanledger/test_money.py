"""Amounts of money as text."""

from __future__ import annotations

import pytest

from spanledger import money


@pytest.mark.parametrize(
    ("nano", "text"),
    [(0, "$0.00"), (1, "$0.000000001"), (7_000, "$0.000007"), (15_432, "$0.00001543"), (1_500_000, "$0.0015"),
     (12_300_000, "$0.0123"), (500_000_000, "$0.50"), (999_949_999, "$0.9999"), (999_999_999, "$1.00"),
     (10**9, "$1.00"), (1_234_567_890_123, "$1,234.57"), (-2_500_000, "-$0.0025"), (-3 * 10**9, "-$3.00")],
)  # fmt: skip
def test_people_read_four_figures_of_what_is_small_and_cents_of_what_is_not(nano: int, text: str) -> None:
    assert money.usd(nano) == text


@pytest.mark.parametrize(
    ("nano", "text"), [(0, "0.000000000"), (-1, "-0.000000001"), (10**27 + 1, "1000000000000000000.000000001")]
)
def test_machines_read_every_nano(nano: int, text: str) -> None:
    assert money.nine_places(nano) == text
