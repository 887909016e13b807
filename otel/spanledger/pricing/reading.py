"""Reads genai-prices into entries. Imports it, and with it pydantic and an HTTP client: 100 ms and more.

The source's own selection (`get_prices`) is asked once for every stretch of time between the days and hours at which
an entry changes; so dates, hours and variants cannot be read differently from how the source means them. Its updater,
the one part that opens connections, is never started.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import ROUND_CEILING, Decimal

from genai_prices import types
from genai_prices.data import providers

from spanledger.pricing.entries import Entry, How, Ladder, Match, Named, Shop

#: Pico-USD per unit for a dollar per million, per thousand, and per hour (hours are counted as one).
_MILLION, _THOUSAND, _HOUR = 10**6, 10**9, 10**12

#: Price keys of the source as fields of `Rates` or kinds of its `fees`, with their unit.
FIELDS: Mapping[str, tuple[str, int]] = {
    "input_mtok": ("input", _MILLION),
    "output_mtok": ("output", _MILLION),
    "cache_read_mtok": ("cache_read", _MILLION),
    "cache_write_mtok": ("cache_write", _MILLION),
    "cache_write_1h_mtok": ("cache_write_long", _MILLION),
    "output_reasoning_mtok": ("reasoning", _MILLION),
    "input_audio_mtok": ("input_audio", _MILLION),
    "output_audio_mtok": ("output_audio", _MILLION),
    "cache_audio_read_mtok": ("cache_read_audio", _MILLION),
    "input_image_mtok": ("input_image", _MILLION),
    "output_image_mtok": ("output_image", _MILLION),
    "cache_image_read_mtok": ("cache_read_image", _MILLION),
    "input_video_mtok": ("input_video", _MILLION),
    "output_video_mtok": ("output_video", _MILLION),
    "output_citation_mtok": ("citation", _MILLION),
    "web_searches_kcount": ("web_search", _THOUSAND),
    "requests_kcount": ("request", _THOUSAND),
    "audio_hours": ("audio_ms", _HOUR),
    "input_audio_hours": ("audio_ms", _HOUR),
    "input_mchars": ("characters", _MILLION),
    "input_document_kpages": ("pages", _THOUSAND),
    "storage_searches_kcount": ("file_searches", _THOUSAND),
}

#: Price keys of units that a `Usage` does not count: pages with annotations (not told apart from others in the
#: response) and text messages of a voice session.
UNCOUNTED = frozenset({"input_annotated_document_kpages", "input_text_messages_kcount"})

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


def shops(source: Sequence[types.Provider] | None = None) -> tuple[Shop, ...]:
    """Every provider of the source, by default of the installed genai-prices."""
    return tuple(shop(provider) for provider in (providers if source is None else source))


def shop(provider: types.Provider) -> Shop:
    """One provider of the source."""
    return Shop(provider.id, tuple(map(entry, provider.models)), tuple(provider.fallback_model_providers or ()))


def entry(model: types.ModelInfo) -> Entry:
    """One model of the source."""
    days, hours = _changes(model)
    moments = [datetime.combine(day, hour, UTC) for day in (date.min, *days) for hour in (time.min, *hours)]
    tiers = {
        tier: tuple(_named(model.get_prices(moment, context)) for moment in moments)
        for tier, context in CONTEXTS.items()
    }
    own = {tier: rows for tier, rows in tiers.items() if not tier or rows != tiers[""]}
    return Entry(model.id, _match(model.match), own, days, hours, _says_free(model), model.context_window)


_HOWS: Mapping[str, How] = {
    "equals": "equals",
    "starts_with": "starts_with",
    "ends_with": "ends_with",
    "contains": "contains",
}


def _match(clause: types.MatchLogic) -> Match:
    match clause:
        case types.ClauseOr(or_=parts):
            return Match("or", parts=tuple(map(_match, parts)))
        case types.ClauseAnd(and_=parts):
            return Match("and", parts=tuple(map(_match, parts)))
        case types.ClauseRegex(regex=text):
            return Match("regex", text)
    how, text = next(iter(clause.__dict__.items()))
    return Match(_HOWS[how], text.lower())


def _named(prices: types.ModelPrice) -> Named:
    """The prices that a price of the source names; of two for the same thing the dearer one."""
    named: dict[str, Ladder] = {}
    for key, value in prices.__dict__.items():
        if value is not None and key in FIELDS:
            kind, unit = FIELDS[key]
            named[kind] = max(named.get(kind, ()), _ladder(value, unit))
    return named


def _ladder(value: Decimal | types.TieredPrices, unit: int) -> Ladder:
    if isinstance(value, types.TieredPrices):
        return ((-1, _pico(value.base, unit)), *((tier.start, _pico(tier.price, unit)) for tier in value.tiers))
    return ((-1, _pico(value, unit)),)


def _pico(usd: Decimal, unit: int) -> int:
    return int((usd * unit).to_integral_value(ROUND_CEILING))


def _says_free(model: types.ModelInfo) -> bool:
    """Whether the source has no price for a model, or one of 0, and says in words why; otherwise it is unknown."""
    if any(value for prices in _every_price(model) for value in prices.__dict__.values()):
        return False
    return bool(_FREE.search(f"{model.id} {model.name} {model.description} {model.price_comments}"))


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
