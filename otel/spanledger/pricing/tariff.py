"""The rates of one model over time: from a day on, and by the hour of the day."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from time import time as seconds

from spanledger.pricing.limits import UNKNOWN, Limits
from spanledger.pricing.rates import Rates

#: The ordinal of the first of January 1970, and the seconds of a day.
_EPOCH, _DAY = date(1970, 1, 1).toordinal(), 86_400


@dataclass(frozen=True, slots=True)
class Tariff:
    """Rates by day and hour, in UTC; None where the table has no price for that time.

    `days` and `hours` are where something changes, ascending. `rates` has one row for the time before the first day
    and one from each day on; a row has one entry for the hours before the first hour and one from each hour on.
    `version` names the table that the rates are from, `limits` how much the model takes and gives.
    """

    version: str
    rates: tuple[Rates | None, ...]
    days: tuple[date, ...] = ()
    hours: tuple[time, ...] = ()
    limits: Limits = UNKNOWN
    _starts: tuple[int, ...] = field(init=False, repr=False, compare=False)
    """When each of the days begins, in seconds since 1970: a call asks for now, and that is quicker than a date."""

    def __post_init__(self) -> None:
        starts = tuple((day.toordinal() - _EPOCH) * _DAY for day in self.days)
        object.__setattr__(self, "_starts", starts)

    def at(self, moment: datetime | None) -> Rates | None:
        """The rates at a moment; without time zone it is UTC, None is now."""
        if len(self.rates) == 1:
            return self.rates[0]
        if moment is None and not self.hours:
            return self.rates[bisect_right(self._starts, seconds())]
        if moment is None:
            moment = datetime.now(UTC)
        elif moment.tzinfo is not None:
            moment = moment.astimezone(UTC)
        row, column = bisect_right(self.days, moment.date()), bisect_right(self.hours, moment.time())
        return self.rates[row * (len(self.hours) + 1) + column]

    def charging_at_least(self, audio_ms: int) -> Tariff:
        """The same where shorter audio costs what this much does."""
        rates = tuple(rates and replace(rates, least_audio_ms=audio_ms) for rates in self.rates)
        return replace(self, rates=rates)
