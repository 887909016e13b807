"""The whole table of genai-prices, compiled, against its own calculation."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta, timezone
from decimal import Decimal

import pytest
from genai_prices import Usage as TheirUsage
from genai_prices import types
from genai_prices.data import providers
from genai_prices.data_snapshot import get_snapshot

from spanledger.pricing import compiling, overlay, reading
from spanledger.pricing.source import Catalogue
from spanledger.pricing.tariff import Tariff
from spanledger.usage import Usage

CATALOGUE = Catalogue.installed()
MOMENTS = [datetime(2026, 11, 21, 7, 30, tzinfo=UTC), datetime(2025, 1, 1, 20, tzinfo=UTC)]
PLAIN = [Usage(input=1_000), Usage(input=1_001, output=501)]
CACHED = [
    Usage(input=2_000, output=100, cache_read=700),
    Usage(input=5_000, output=10, cache_read=700, cache_write=300, reasoning=5),
]
BIG = [Usage(input=count, output=7, cache_read=3) for count in (100_000, 128_001, 200_000, 200_001, 272_001, 900_000)]
SEEN = [Usage(input=5_000, output=100, cache_read=500, input_image=600, cache_read_image=100, output_image=30)]
SOUND = [Usage(input=5_000, output=100, cache_read=500, input_audio=600, cache_read_audio=100, output_audio=30)]


def theirs(usage: Usage) -> TheirUsage:
    return TheirUsage(
        input_tokens=usage.input,
        output_tokens=usage.output,
        cache_read_tokens=usage.cache_read,
        cache_write_tokens=usage.cache_write,
        output_reasoning_tokens=usage.reasoning,
        input_audio_tokens=usage.input_audio,
        output_audio_tokens=usage.output_audio,
        cache_audio_read_tokens=usage.cache_read_audio,
        cache_image_read_tokens=usage.cache_read_image,
        input_image_tokens=usage.input_image,
        output_image_tokens=usage.output_image,
        input_video_tokens=usage.input_video,
    )


def models() -> Iterator[tuple[types.Provider, types.ModelInfo, str]]:
    """Every model that has a price per token, with a name that their own look-up takes for it."""
    for provider in providers:
        for model in provider.models:
            if provider.find_model(model.id) is model:
                yield provider, model, model.id


def differences(
    tariff: Tariff, provider: types.Provider, model: types.ModelInfo, tier: str, moment: datetime
) -> list[object]:
    """The usages for which our price is not theirs, rounded up."""
    rates = tariff.at(moment)
    assert rates is not None
    found: list[object] = []
    for usage in (*PLAIN, *CACHED, *BIG, *SEEN, *SOUND):
        context = reading.CONTEXTS[tier]
        if usage.output and model.get_prices(moment, context).output_mtok is None:
            continue  # theirs is 0 for output without a price; ours is not, see test_rates
        price = model.calc_price(theirs(usage), provider, genai_request_timestamp=moment, price_context=context)
        exact = price.total_price * 10**9
        # Prices with float noise are rounded up to whole pico-USD per token, so by up to 0.001 nano-USD a token.
        noise = Decimal(0) if whole(price.model_price) else Decimal(usage.total) / 1_000
        if not 0 <= rates.nano(usage) - exact < 1 + noise:
            found.append((provider.id, model.id, tier, usage, rates.nano(usage), exact))
    return found


def whole(price: types.ModelPrice) -> bool:
    """Whether all rates are whole pico-USD."""
    amounts = [value for value in price.__dict__.values() if isinstance(value, Decimal)]
    return all(amount * 10**6 % 1 == 0 for amount in amounts)


@pytest.mark.parametrize("tier", list(reading.CONTEXTS))
def test_every_model_of_the_source_costs_what_the_source_calculates(tier: str) -> None:
    compared, found = 0, list[object]()
    for provider, model, name in models():
        if tier and not model.price_variants:
            continue
        tariff = CATALOGUE.find(provider.id, name, tier)
        if tariff is None or tariff.version != CATALOGUE.version:
            continue
        for moment in MOMENTS:
            found += differences(tariff, provider, model, tier, moment)
            compared += 1
    assert found == []
    assert compared > (4_000 if not tier else 200)


def test_every_exact_name_of_the_source_means_the_entry_that_the_source_takes() -> None:
    snapshot, wrong = get_snapshot(), []
    for provider in providers:
        for model in provider.models:
            for name in exact_names(model.match):
                _, meant = snapshot.find_provider_model(name, None, provider.id, None)
                ours, expected = CATALOGUE.find(provider.id, name, ""), CATALOGUE.find(provider.id, meant.id, "")
                if overlay.fix_for(provider.id, name, ""):
                    continue
                if (ours and ours.rates) != (expected and expected.rates) and provider.find_model(meant.id) is meant:
                    wrong.append((provider.id, name, meant.id))
    assert wrong == []


def exact_names(match: types.MatchLogic) -> Iterator[str]:
    if isinstance(match, types.ClauseEquals):
        yield match.equals
    elif isinstance(match, types.ClauseOr):
        for clause in match.or_:
            yield from exact_names(clause)


def test_models_without_a_price_per_token_are_unpriced_unless_the_source_says_they_are_free() -> None:
    unpriced = {
        f"{provider.id}/{model.id}"
        for provider in providers
        for model in provider.models
        if CATALOGUE.find(provider.id, model.id, "") is None
    }
    priced_otherwise = {
        f"{provider.id}/{model.id}"
        for provider in providers
        for model in provider.models
        if all(
            set(price.__dict__) <= reading.UNCOUNTED and price.__dict__
            for price in (
                [model.prices] if isinstance(model.prices, types.ModelPrice) else [each.prices for each in model.prices]
            )
        )
    }
    without_a_word = {
        "cerebras/qwen-3-coder-480b",
        "huggingface_together/ServiceNow-AI/Apriel-1.6-15b-Thinker",
        "huggingface_together/prism-ml/Ternary-Bonsai-27B-AWQ-4bit",
        "huggingface_together/prism-ml/Ternary-Bonsai-27B-gguf",
        "openrouter/gemini-2.5-pro-exp-03-25",
        "openrouter/google/gemini-flash-1.5-8b-exp",
        "openrouter/google/lyria-3-clip-preview",
        "openrouter/google/lyria-3-pro-preview",
        "openrouter/stealth/crouton-alpha",
    }
    assert unpriced == priced_otherwise | without_a_word


def test_a_rate_of_0_is_only_in_the_tariff_of_a_free_model() -> None:
    for provider, model, name in models():
        tariff = CATALOGUE.find(provider.id, name, "")
        for rates in tariff.rates if tariff else ():
            assert rates is None or rates.input > 0 or rates.worst(10**6, 10**6) == 0, (provider.id, model.id)


def test_every_kind_of_price_in_the_source_is_either_compiled_or_known_to_be_of_no_use_here() -> None:
    keys: set[str] = set()
    for provider in providers:
        for model in provider.models:
            priced = [model.prices] if isinstance(model.prices, types.ModelPrice) else [p.prices for p in model.prices]
            for price in (*priced, *(variant.prices for variant in model.price_variants or ())):
                keys |= {key for key, value in price.__dict__.items() if value is not None}
    assert keys == set(reading.FIELDS) | reading.UNCOUNTED


def test_a_price_that_a_cliff_raises_is_never_lower_behind_it() -> None:
    for provider, _, name in models():
        tariff = CATALOGUE.find(provider.id, name, "")
        for rates in tariff.rates if tariff else ():
            rows = [row for _, row in reversed(rates.cliffs)] if rates else []
            ladder = [(row.input, row.output, row.cache_read) for row in ([rates, *rows] if rates else [])]
            assert ladder == sorted(ladder)


def test_a_source_that_changes_by_the_hour_elsewhere_is_read_in_utc() -> None:
    morning = types.TimeOfDateConstraint(
        start_time=time(1, tzinfo=timezone(timedelta(hours=2))), end_time=time(3, tzinfo=timezone(timedelta(hours=2)))
    )
    model = types.ModelInfo(
        id="night",
        match=types.ClauseEquals("night"),
        prices=[
            types.ConditionalPrice(prices=types.ModelPrice(input_mtok=Decimal(1))),
            types.ConditionalPrice(constraint=morning, prices=types.ModelPrice(input_mtok=Decimal(2))),
        ],
    )
    tariff = compiling.tariff(reading.entry(model), "", None, {}, "v")
    assert tariff is not None
    at = [tariff.at(datetime(2026, 1, 1, hour, tzinfo=UTC)) for hour in (22, 23, 0, 1)]
    assert [rates and rates.input for rates in at] == [1_000_000, 2_000_000, 2_000_000, 1_000_000]


def test_a_price_of_0_is_unknown_until_the_source_says_in_words_that_it_is_free() -> None:
    silent = types.ModelInfo(
        id="new",
        match=types.ClauseEquals("new"),
        prices=types.ModelPrice(input_mtok=Decimal(0), output_mtok=Decimal(0)),
    )
    told = types.ModelInfo(id="new:free", match=types.ClauseEquals("new:free"), prices=silent.prices)
    assert compiling.tariff(reading.entry(silent), "", None, {}, "v") is None
    free = compiling.tariff(reading.entry(told), "", None, {}, "v")
    assert free is not None
    assert free.rates[0] is not None
    assert free.rates[0].nano(Usage(input=1_000, output=1_000)) == 0


def test_every_cliff_of_the_source_holds_from_the_first_token_above_it() -> None:
    found = 0
    for provider, _, name in models():
        tariff = CATALOGUE.find(provider.id, name, "")
        for rates in tariff.rates if tariff else ():
            if rates is None:
                continue
            for at, row in rates.cliffs:
                below, on, above = (rates.row(at + step) for step in (-1, 0, 1))
                assert below is on is not row is above
                found += 1
    assert found > 100
