"""From an entry of a table to a tariff: every kind of token has a rate at every moment, in integers."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import ROUND_CEILING, Decimal

from spanledger.pricing import limits
from spanledger.pricing.entries import Entry, Ladder, Named
from spanledger.pricing.overlay import LONG_WRITE_OF_CLAUDE, Fix
from spanledger.pricing.rates import TOKEN_KINDS, Rates, complete, nothing
from spanledger.pricing.tariff import Tariff

#: Pico-USD per unit for a dollar per million tokens, and for a dollar each.
_MTOK, _EACH = 10**6, 10**12


def tariff(entry: Entry, tier: str, fix: Fix | None, fees: Mapping[str, int], version: str) -> Tariff | None:
    """An entry's rates over time in a tier; None if it never has a price.

    `fees` are what tools cost, in pico-USD each, where the entry does not say.
    """
    days, rows = _mended(entry, entry.rows(tier), fix) if fix else (entry.days, entry.rows(tier))
    rates = tuple(_rates(entry, row, fees) for row in rows)
    return Tariff(version, rates, days, entry.hours, limits.of(entry)) if any(rates) else None


def made_up(fix: Fix, fees: Mapping[str, int], version: str) -> Tariff:
    """The tariff of a model that only the overlay knows."""
    return Tariff(version, (laddered(_fixed(fix), fees),))


def laddered(own: Named, fees: Mapping[str, int], long_write: int = 0) -> Rates:
    """Rates with their cliffs out of one ladder per kind."""

    def row(total_input: int) -> dict[str, int]:
        own_now = {kind: [pico for start, pico in ladder if start <= total_input][-1] for kind, ladder in own.items()}
        return {**fees, **own_now}

    thresholds = sorted({start for ladder in own.values() for start, _ in ladder[1:]}, reverse=True)
    cliffs = tuple((at, complete(row(at), web_search=0, long_write=long_write)) for at in thresholds)
    return replace(complete(row(-1), web_search=0, long_write=long_write), cliffs=cliffs)


def _mended(entry: Entry, rows: tuple[Named, ...], fix: Fix) -> tuple[tuple[date, ...], tuple[Named, ...]]:
    """The days and rows of an entry with a fix: its prices replace the entry's from its day on."""
    days, start, width = entry.days, 0, len(entry.hours) + 1
    if fix.since:
        place = bisect_left(days, fix.since)
        start = (place + 1) * width
        if fix.since not in days:
            days = (*days[:place], fix.since, *days[place:])
            rows = (*rows[:start], *rows[start - width : start], *rows[start:])
    own = _fixed(fix)
    return days, tuple({**row, **own} if at >= start else row for at, row in enumerate(rows))


def _fixed(fix: Fix) -> dict[str, Ladder]:
    usd = {kind: Decimal(each) * _MTOK for kind, each in fix.usd.items()}
    usd |= {kind: Decimal(each) * _EACH for kind, each in fix.fees.items()}
    return {kind: ((-1, int(pico.to_integral_value(ROUND_CEILING))),) for kind, pico in usd.items()}


def _rates(entry: Entry, own: Named, fees: Mapping[str, int]) -> Rates | None:
    tokens = any(pico for kind in TOKEN_KINDS for _, pico in own.get(kind, ()))
    if tokens or (any(pico for ladder in own.values() for _, pico in ladder) and not entry.free):
        return laddered(own, fees, LONG_WRITE_OF_CLAUDE if "claude" in entry.id.lower() else 0)
    return nothing(fees) if entry.free else None
