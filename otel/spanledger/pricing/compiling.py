"""From an entry of genai-prices to integers. Imports genai-prices: 25 ms beside openai, 160 ms alone.

The source's own selection (`get_prices`) is asked once for every stretch of time between the days and hours at which
the entry changes; so dates, hours and variants cannot be read differently from how the source means them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time
from decimal import ROUND_CEILING, Decimal

from genai_prices import types

from spanledger.pricing.overlay import LONG_WRITE_OF_CLAUDE, Fix
from spanledger.pricing.rates import TOKEN_KINDS, Rates, complete, nothing
from spanledger.pricing.tariff import Tariff

#: What one kind of token costs: (threshold of total input, pico-USD), ascending; the first threshold is -1.
Ladder = tuple[tuple[int, int], ...]

#: Pico-USD per unit for a dollar per million tokens, and for a dollar per thousand searches or requests.
_MTOK, _KCOUNT = 10**6, 10**9

#: Price keys of the source as fields of `Rates`, with their unit.
FIELDS: Mapping[str, tuple[str, int]] = {
    "input_mtok": ("input", _MTOK),
    "output_mtok": ("output", _MTOK),
    "cache_read_mtok": ("cache_read", _MTOK),
    "cache_write_mtok": ("cache_write", _MTOK),
    "cache_write_1h_mtok": ("cache_write_long", _MTOK),
    "output_reasoning_mtok": ("reasoning", _MTOK),
    "input_audio_mtok": ("input_audio", _MTOK),
    "output_audio_mtok": ("output_audio", _MTOK),
    "cache_audio_read_mtok": ("cache_read_audio", _MTOK),
    "input_image_mtok": ("input_image", _MTOK),
    "output_image_mtok": ("output_image", _MTOK),
    "web_searches_kcount": ("web_search", _KCOUNT),
    "requests_kcount": ("request", _KCOUNT),
}

#: Price keys of units that a `Usage` does not count. A model with no other price is unpriced.
UNCOUNTED = frozenset({
    "audio_hours", "cache_image_read_mtok", "input_annotated_document_kpages", "input_audio_hours",
    "input_document_kpages", "input_mchars", "input_text_messages_kcount", "input_video_mtok",
    "output_citation_mtok", "output_video_mtok", "storage_searches_kcount",
})  # fmt: skip

#: The request context that selects the source's variants, by our name of the tier.
CONTEXTS: Mapping[str, types.PriceContext] = {
    "": {},
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
    "fast": {"service_tier": "fast", "speed": "fast"},
    "batch": {"processing": "batch"},
}

#: How the source says that a model without prices is free: in its id, name, description or comment.
_FREE = re.compile(r":free\b|\(free\)|free of charge|zero token cost", re.IGNORECASE)


def tariff(model: types.ModelInfo, tier: str, fix: Fix | None, search_fee: int, version: str) -> Tariff | None:
    """An entry's rates over time in a tier (a key of `CONTEXTS`); None if it never has a price per token.

    `search_fee` is what a web search costs, in pico-USD, where the entry does not say. A fix holds at all times.
    """
    days, hours = _changes(model)
    mended = _fixed(fix) if fix else {}
    rates = tuple(
        _rates(model, {**_own(model.get_prices(moment, CONTEXTS[tier])), **mended}, search_fee)
        for moment in (datetime.combine(day, hour, UTC) for day in (date.min, *days) for hour in (time.min, *hours))
    )
    return Tariff(version, rates, days, hours) if any(rates) else None


def made_up(fix: Fix, search_fee: int, version: str) -> Tariff:
    """The tariff of a model that only the overlay knows."""
    return Tariff(version, (_laddered(_fixed(fix), search_fee),))


def search_fees(provider: types.Provider) -> Iterator[int]:
    """What web searches cost with the models of a provider, in pico-USD each."""
    for model in provider.models:
        for prices in _every_price(model):
            for _, fee in _own(prices).get("web_search", ()):
                yield fee


def _fixed(fix: Fix) -> dict[str, Ladder]:
    return {kind: _ladder(Decimal(usd), _MTOK) for kind, usd in fix.usd.items()}


def _laddered(own: Mapping[str, Ladder], search_fee: int, long_write: int = 0) -> Rates:
    """Rates with their cliffs out of one ladder per kind."""

    def row(total_input: int) -> dict[str, int]:
        return {kind: [pico for start, pico in ladder if start <= total_input][-1] for kind, ladder in own.items()}

    thresholds = sorted({start for ladder in own.values() for start, _ in ladder[1:]}, reverse=True)
    cliffs = tuple((at, complete(row(at), web_search=search_fee, long_write=long_write)) for at in thresholds)
    return complete(row(-1), web_search=search_fee, long_write=long_write, cliffs=cliffs)


def _rates(model: types.ModelInfo, own: Mapping[str, Ladder], search_fee: int) -> Rates | None:
    if any(pico for kind in TOKEN_KINDS for _, pico in own.get(kind, ())):
        return _laddered(own, search_fee, LONG_WRITE_OF_CLAUDE if "claude" in model.id.lower() else 0)
    return nothing(web_search=search_fee) if _says_free(model) else None


def _says_free(model: types.ModelInfo) -> bool:
    """Whether the source has no price for a model, or one of 0, and says in words why; otherwise it is unknown."""
    if any(value for prices in _every_price(model) for value in prices.__dict__.values()):
        return False
    return bool(_FREE.search(f"{model.id} {model.name} {model.description} {model.price_comments}"))


def _own(prices: types.ModelPrice) -> dict[str, Ladder]:
    """The rates that a price of the source names, by field of `Rates`."""
    own: dict[str, Ladder] = {}
    for key, value in prices.__dict__.items():
        if value is not None and key in FIELDS:
            kind, unit = FIELDS[key]
            own[kind] = _ladder(value, unit)
    return own


def _ladder(value: Decimal | types.TieredPrices, unit: int) -> Ladder:
    if isinstance(value, types.TieredPrices):
        return ((-1, _pico(value.base, unit)), *((tier.start, _pico(tier.price, unit)) for tier in value.tiers))
    return ((-1, _pico(value, unit)),)


def _pico(usd: Decimal, unit: int) -> int:
    return int((usd * unit).to_integral_value(ROUND_CEILING))


def _every_price(model: types.ModelInfo) -> Iterator[types.ModelPrice]:
    if isinstance(model.prices, types.ModelPrice):
        yield model.prices
    else:
        yield from (conditional.prices for conditional in model.prices)


def _changes(model: types.ModelInfo) -> tuple[tuple[date, ...], tuple[time, ...]]:
    """The days and the hours of the day, in UTC, at which a price of an entry may change."""
    conditional = [] if isinstance(model.prices, types.ModelPrice) else model.prices
    days, hours = set[date](), set[time]()
    for constraint in (change.constraint for change in (*conditional, *(model.price_variants or ()))):
        if isinstance(constraint, types.StartDateConstraint):
            days.add(constraint.start_date)
        elif constraint is not None:
            hours |= {_utc(constraint.start_time), _utc(constraint.end_time)}
    return tuple(sorted(days)), tuple(sorted(hours))


def _utc(hour: time) -> time:
    if hour.tzinfo is None:
        return hour
    return datetime.combine(date(1970, 1, 2), hour).astimezone(UTC).time()
