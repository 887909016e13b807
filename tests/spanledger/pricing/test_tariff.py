"""Rates over time."""

from datetime import UTC, date, datetime, time, timedelta, timezone

import pytest

from spanledger.pricing import tariff
from spanledger.pricing.rates import Rates, complete
from spanledger.pricing.tariff import Tariff


def flat(price: int) -> Rates:
    return complete({"input": price}, web_search=0)


DATED = Tariff("v", (flat(1), flat(2), flat(3)), days=(date(2026, 1, 1), date(2026, 6, 1)))
HOURLY = Tariff("v", (flat(1), flat(2), flat(1)), hours=(time(9, 30), time(17)))
BOTH = Tariff(
    "v", tuple(map(flat, (1, 2, 3, 4, 5, 6))), days=(date(2026, 1, 1),), hours=(time(9, 30), time(17))
)  # fmt: skip


@pytest.mark.parametrize(
    ("moment", "price"),
    [
        (datetime(2025, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), 1),
        (datetime(2026, 1, 1, tzinfo=UTC), 2),
        (datetime(2026, 6, 1, tzinfo=UTC), 3),
    ],
)
def test_a_price_starts_at_midnight_utc_of_its_day(moment: datetime, price: int) -> None:
    assert DATED.at(moment) == flat(price)


def test_a_moment_elsewhere_is_counted_in_utc() -> None:
    assert DATED.at(datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=2)))) == flat(1)


def test_a_moment_without_time_zone_is_utc() -> None:
    assert DATED.at(datetime(2026, 1, 1)) == flat(2)  # noqa: DTZ001 - that is the case


@pytest.mark.parametrize(("hour", "price"), [(time(9, 29), 1), (time(9, 30), 2), (time(16, 59, 59), 2), (time(17), 1)])
def test_a_price_by_the_hour_includes_its_start_and_not_its_end(hour: time, price: int) -> None:
    assert HOURLY.at(datetime.combine(date(2026, 3, 3), hour, UTC)) == flat(price)


@pytest.mark.parametrize(
    ("day", "hour", "price"),
    [(date(2025, 5, 5), time(1), 1), (date(2025, 5, 5), time(10), 2), (date(2026, 5, 5), time(1), 4),
     (date(2026, 5, 5), time(10), 5), (date(2026, 5, 5), time(20), 6)],
)  # fmt: skip
def test_days_and_hours_combine(day: date, hour: time, price: int) -> None:
    assert BOTH.at(datetime.combine(day, hour, UTC)) == flat(price)


@pytest.mark.parametrize(("before", "price"), [(1, 2), (0, 3)])
def test_now_is_by_the_day_in_utc(monkeypatch: pytest.MonkeyPatch, before: int, price: int) -> None:
    now = datetime(2026, 6, 1, tzinfo=UTC).timestamp() - before
    monkeypatch.setattr(tariff, "seconds", lambda: now)
    assert DATED.at(None) == flat(price)


def test_without_a_moment_it_is_now() -> None:
    assert DATED.at(None) == flat(3)
