"""Values of a report as text: rounded for people, exact for machines."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from spanledger.money import NANO, nine_places, usd
from spanledger.readable import duration, plain
from spanledger.report.model import Cell, Meaning

#: What people are shown where there is no value.
NONE = "-"
_MS = 1_000_000


def shown(value: Cell, meaning: Meaning) -> str:
    """For people: money with as many places as it takes to see something, times as `readable` has them."""
    if value is None:
        return NONE
    if isinstance(value, str):
        return plain(value)
    return _SHOWN[meaning](value)


def exact(value: Cell, meaning: Meaning) -> Cell:
    """For machines: money as a decimal string with nine places, times as milliseconds, days as dates."""
    return value if value is None or isinstance(value, str) else _EXACT[meaning](value)


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def _as_it_is(value: float) -> Cell:
    return value


def _six_places(value: float) -> Cell:
    return round(value, 6)


_SHOWN: dict[Meaning, Callable[[float], str]] = {
    "text": str,
    "count": "{:,}".format,
    "usd": lambda nano: usd(int(nano)),
    "share": "{:.1%}".format,
    "change": "{:+.1%}".format,
    "ms": lambda nanoseconds: duration(nanoseconds / NANO),
    "number": "{:,.2f}".format,
    "day": _day,
}
_EXACT: dict[Meaning, Callable[[float], Cell]] = {
    "text": _as_it_is,
    "count": _as_it_is,
    "usd": lambda nano: nine_places(int(nano)),
    "share": _six_places,
    "change": _six_places,
    "ms": lambda nanoseconds: round(nanoseconds / _MS, 3),
    "number": _six_places,
    "day": _day,
}
