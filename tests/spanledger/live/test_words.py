"""Figures as people read them."""

from __future__ import annotations

import pytest

from spanledger.live import words


def test_what_nobody_knows_the_price_of_is_said_and_never_nothing() -> None:
    assert words.cost(0, 2) == "2 unpriced"
    assert words.cost(1_500_000, 1) == "$0.0015 + 1 unpriced"
    assert words.spent(10, 0, 0) == "$0.00"
    assert words.spent(0, 0, 0) == "-"


@pytest.mark.parametrize(("share", "full"), [(-1, 0), (0.049, 0), (0.5, 10), (0.999, 19), (1, 20), (7, 20)])
def test_a_bar_is_full_only_at_the_limit(share: float, full: int) -> None:
    assert words.bar(share) == "█" * full + "░" * (20 - full)
