"""Windows: which one holds, when it began and when it ends, by the clock of a time zone."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from spanledger.budget.window import Kind, Window

BERLIN = "Europe/Berlin"


def at(text: str, zone: str = "UTC", fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


@pytest.mark.parametrize(
    ("kind", "window"),
    [
        ("minute", "2026-11-21T17:04+0000"),
        ("hour", "2026-11-21T17+0000"),
        ("day", "2026-11-21"),
        ("week", "2026-W47"),
        ("month", "2026-11"),
        ("total", "total"),
        ("run", "r-1"),
    ],
)
def test_the_id_names_the_window_that_holds(kind: Kind, window: str) -> None:
    assert Window(kind).ids(at("2026-11-21T17:04:05"), "r-1") == (window,)


@pytest.mark.parametrize(
    ("kind", "began", "ends"),
    [
        ("minute", "2026-11-21T17:04", "2026-11-21T17:05"),
        ("hour", "2026-11-21T17:00", "2026-11-21T18:00"),
        ("day", "2026-11-21", "2026-11-22"),
        ("week", "2026-11-16", "2026-11-23"),
        ("month", "2026-11-01", "2026-12-01"),
    ],
)
def test_a_calendar_window_begins_and_ends_by_the_calendar(kind: Kind, began: str, ends: str) -> None:
    now = at("2026-11-21T17:04:05")
    assert (Window(kind).began(now), Window(kind).ends(now)) == (at(began), at(ends))


def test_a_day_begins_at_midnight_of_its_time_zone() -> None:
    window = Window("day", BERLIN)
    assert window.ids(at("2026-11-20T22:59:59"), "") == ("2026-11-20",)
    assert window.ids(at("2026-11-20T23:00:00"), "") == ("2026-11-21",)


def test_the_hour_that_a_clock_change_repeats_is_two_windows() -> None:
    first, second = at("2026-10-25T02:30", BERLIN), at("2026-10-25T02:30", BERLIN, fold=1)
    window = Window("hour", BERLIN)
    assert second - first == 3600
    assert window.ids(first, "") != window.ids(second, "")
    assert window.ends(first) == window.began(second)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)])
def test_a_day_of_a_clock_change_is_as_long_as_it_is(day: str, hours: int) -> None:
    noon = at(f"{day}T12:00", BERLIN)
    window = Window("day", BERLIN)
    began, ends = window.began(noon), window.ends(noon)
    assert began is not None
    assert ends is not None
    assert ends - began == hours * 3600


def test_one_second_before_the_end_is_the_same_window_and_the_end_is_the_next() -> None:
    for kind in ("minute", "hour", "day", "week", "month"):
        window = Window(kind, BERLIN)
        for now in (at("2026-03-29T01:30", BERLIN), at("2026-10-25T02:30", BERLIN), at("2026-12-31T23:59", BERLIN)):
            ends = window.ends(now)
            assert ends is not None
            assert window.ids(ends - 1, "") == window.ids(now, "")
            assert window.ids(ends, "") != window.ids(now, "")


def test_a_rolling_hour_is_sixty_minutes_the_newest_first() -> None:
    now = at("2026-11-21T17:04:05")
    parts = Window("rolling_hour").ids(now, "")
    assert len(set(parts)) == 60
    assert parts[0] == Window("rolling_hour").ids(now + 50, "")[0]
    assert parts[1:] == Window("rolling_hour").ids(now - 60, "")[:-1]


def test_what_was_spent_leaves_a_rolling_window_within_one_part_of_its_length() -> None:
    now = at("2026-11-21T17:04:05")
    part = Window("rolling_minute").ids(now, "")[0]
    assert part in Window("rolling_minute").ids(now + 59, "")
    assert part not in Window("rolling_minute").ids(now + 60, "")


def test_a_run_and_a_total_have_no_end() -> None:
    assert Window("run").ends(0) is None
    assert Window("total").began(0) is None
