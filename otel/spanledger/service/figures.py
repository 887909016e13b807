"""How figures are written in answers: money, shares, times. What nobody knows is null, never 0."""

from __future__ import annotations

from datetime import UTC, datetime

from spanledger.money import NANO


def usd(nano: int) -> float:
    """Money as a JSON number: USD with nine places. The exact amount stands beside it in nano-USD."""
    return round(nano / NANO, 9)


def percent(share: float | None) -> float | None:
    """A share of one, as a percentage."""
    return None if share is None else round(share * 100, 4)


def ms(nanoseconds: float | None) -> float | None:
    """A time it took, in milliseconds."""
    return None if nanoseconds is None else round(nanoseconds / 1e6, 3)


def moment(nanoseconds: int) -> datetime:
    """A point in time, to the microsecond."""
    seconds, rest = divmod(nanoseconds, NANO)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)


def at(seconds: float) -> datetime:
    """The same of seconds since the epoch."""
    return moment(int(seconds * 1_000_000) * 1000)
