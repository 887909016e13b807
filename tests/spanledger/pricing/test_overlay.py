"""Our corrections of the source: each is still needed, and does what it says."""

from datetime import UTC, datetime

import pytest
from genai_prices.data import providers
from tests.support.prices import NOV

from spanledger.pricing import compiling, overlay, reading
from spanledger.pricing.bill import itemised
from spanledger.pricing.rates import Rates
from spanledger.pricing.source import Catalogue
from spanledger.usage import Units, Usage

CATALOGUE = Catalogue.installed()


def rates_of(model: str, tier: str = "", provider: str = "openai") -> Rates:
    """The rates of a model today, which must be known."""
    tariff = CATALOGUE.find(provider, model, tier)
    assert tariff is not None
    rates = tariff.at(NOV)
    assert rates is not None
    return rates


@pytest.mark.parametrize("fix", overlay.FIXES, ids=lambda fix: f"{fix.model} {fix.tier or ''}")
def test_a_fix_is_still_needed(fix: overlay.Fix) -> None:
    tier = fix.tier or ""
    mended = CATALOGUE.find(fix.provider, fix.model, tier)
    assert mended is not None
    assert mended.version == f"{CATALOGUE.version}+{overlay.AS_OF}"
    provider = next(provider for provider in providers if provider.id == fix.provider)
    entry = provider.find_model(fix.model)
    as_it_is = compiling.tariff(reading.entry(entry), tier, None, {}, "") if entry else None
    assert as_it_is is None or mended.rates != as_it_is.rates
    assert fix.source


def test_audio_of_the_preview_models_costs_what_audio_costs() -> None:
    usage = Usage(input=1_000, output=600, input_audio=700, output_audio=500)
    assert rates_of("gpt-4o-audio-preview").nano(usage) == 69_750_000
    assert rates_of("gpt-4o-mini-audio-preview-2024-12-17").nano(usage) == 17_105_000


def test_the_first_snapshot_of_the_audio_preview_keeps_its_own_price() -> None:
    rates = rates_of("gpt-4o-audio-preview-2024-10-01")
    assert (rates.input_audio, rates.output_audio, rates.input) == (100_000_000, 200_000_000, 2_500_000)


def test_cached_input_of_fine_tuned_models_costs_half() -> None:
    usage = Usage(input=4_000, output=500, cache_read=2_048)
    assert rates_of("ft:gpt-4o-mini-2024-07-18:acme::AbC123").nano(usage) == 1_492_800


def test_fine_tuned_models_that_only_the_overlay_has_are_found_with_and_without_a_date() -> None:
    usage = Usage(input=1_000, output=500)
    assert rates_of("ft:gpt-4.1-mini-2025-04-14:acme::AbC123").nano(usage) == 2_400_000
    assert rates_of("ft:gpt-4.1-mini:acme::AbC123").nano(usage) == 2_400_000


def test_embeddings_in_a_batch_cost_half() -> None:
    usage = Usage(input=8_000)
    assert rates_of("text-embedding-3-small", "batch").nano(usage) == 80_000
    assert rates_of("text-embedding-3-small").nano(usage) == 160_000


@pytest.mark.parametrize(
    ("provider", "entry", "spelling"),
    [
        (provider.id, model.id, spelling)
        for provider in providers
        for model in provider.models
        for spelling in sorted(overlay.CONFIRMED.get(model.id, ()))
        if model.is_match(spelling)
    ],
)
def test_spellings_that_were_confirmed_mean_their_entry(provider: str, entry: str, spelling: str) -> None:
    found, expected = (CATALOGUE.find(provider, name, "") for name in (spelling, entry))
    assert found is not None
    assert expected is not None
    assert found.rates == expected.rates


def test_a_correction_holds_from_its_day() -> None:
    tariff = CATALOGUE.find("deepseek", "deepseek-chat", "")
    assert tariff is not None
    moments = [datetime(2025, 9, day, 23, tzinfo=UTC) for day in (28, 29)]
    before, after = (tariff.at(moment) for moment in moments)
    assert before is not None
    assert after is not None
    assert (before.input, after.input, after.cache_read, after.output) == (135_000, 280_000, 28_000, 420_000)


def test_the_largest_model_of_mistral_is_the_current_one() -> None:
    assert rates_of("mistral-large-latest", provider="mistral").nano(Usage(input=1_000, output=500)) == 1_250_000
    assert rates_of("mistral-large-2411", provider="mistral").nano(Usage(input=1_000, output=500)) == 5_000_000


def test_groq_charges_no_less_than_ten_seconds_of_audio() -> None:
    rates = rates_of("whisper-large-v3", provider="groq")
    bills = [itemised(rates, Usage(units=Units(audio_ms=length))) for length in (1_000, 10_000, 11_000)]
    short, least, longer = (bill.nano if bill else 0 for bill in bills)
    assert short == least
    assert longer > least
