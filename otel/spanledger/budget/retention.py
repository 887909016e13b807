"""How long stores remember what no longer counts."""

from __future__ import annotations

import re

from spanledger.budget.store import Counter

DAY = 86_400.0
#: No calendar window is longer than 31 days, and none is touched before it begins.
_CALENDAR = 62 * DAY
#: The longest rolling window covers one day.
_ROLLING = 2 * DAY
_IS_ROLLING = re.compile(r"\d+s:\d+")
_IS_CALENDAR = re.compile(r"\d{4}-[W\d].*")


def past(counter: Counter, idle: float, runs: float) -> bool:
    """Whether a counter that nobody has touched for `idle` seconds may be forgotten; runs are after `runs` seconds.

    The counter of a budget without windows (`total`) never is.
    """
    if counter.window == "total":
        return False
    if _IS_ROLLING.fullmatch(counter.window):
        return idle > _ROLLING
    if _IS_CALENDAR.fullmatch(counter.window):
        return idle > _CALENDAR
    return idle > runs
