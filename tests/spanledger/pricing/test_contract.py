"""Prices of one's own over the tables."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.support.prices import CALL, NOV, nano

from spanledger.pricing import PriceBook
from spanledger.pricing.opening import contract_book, open_book
from spanledger.usage import Units, Usage

Open = Callable[[str], PriceBook]


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    """A book with the overrides of a text."""

    def of(text: str) -> PriceBook:
        path = tmp_path / "mine.yaml"
        path.write_text(text)
        return contract_book(str(path))

    return of


def test_a_contract_price_replaces_the_list_price_and_says_so(opened: Open) -> None:
    book = opened("prices: [{provider: openai, model: gpt-4o, input: 2, output: 8}]")
    price = book.price(CALL, provider="openai", model="gpt-4o", at=NOV)
    assert price is not None
    assert price.nano_usd == 2_000_000 + 4_000_000
    assert price.version.startswith("mine@")


@pytest.mark.parametrize("model", ["gpt-4o-2024-08-06", "openai/gpt-4o", "GPT-4o", "gpt-4o-2031-01-01"])
def test_a_contract_price_holds_for_every_spelling_of_the_model(opened: Open, model: str) -> None:
    book = opened("prices: [{provider: openai, model: gpt-4o, input: 2, output: 8}]")
    assert nano(book, CALL, "openai", model) == 6_000_000


def test_a_snapshot_that_the_tables_price_apart_is_not_meant_by_the_name_without_date(opened: Open) -> None:
    book = opened("prices: [{provider: openai, model: gpt-4o, input: 2, output: 8}]")
    assert nano(book, CALL, "openai", "gpt-4o-2024-05-13") == 12_500_000


def test_a_contract_with_one_provider_is_none_with_another(opened: Open) -> None:
    book = opened("prices: [{provider: openai, model: gpt-4o, input: 2, output: 8}]")
    assert nano(book, CALL, "azure", "gpt-4o") == 7_500_000


def test_before_the_day_of_a_contract_the_list_price_holds(opened: Open) -> None:
    book = opened(
        "prices:\n"
        "  - {provider: openai, model: o3, from: 2026-03-01, input: 1, output: 1}\n"
        "  - {provider: openai, model: o3, from: 2026-06-01, input: 3, output: 3}\n"
    )
    days = [datetime(*day, tzinfo=UTC) for day in ((2025, 6, 1), (2026, 2, 28), (2026, 3, 1), (2026, 6, 1))]
    found = [book.price(Usage(input=1_000), provider="openai", model="o3", at=day) for day in days]
    assert [price and price.nano_usd for price in found] == [10_000_000, 2_000_000, 1_000_000, 3_000_000]


def test_a_contract_of_prices_by_the_hour_keeps_the_hours_before_its_day(opened: Open) -> None:
    book = opened("prices: [{provider: deepseek, model: deepseek-v4-flash, from: 2026-12-01, input: 1, output: 1}]")
    hours = [datetime(2026, 11, 21, hour, tzinfo=UTC) for hour in (2, 23)]
    dear, cheap = (book.rates("deepseek", "deepseek-v4-flash", hour) for hour in hours)
    later = book.rates("deepseek", "deepseek-v4-flash", datetime(2026, 12, 1, 2, tzinfo=UTC))
    assert dear is not None
    assert cheap is not None
    assert later is not None
    assert dear.input == 2 * cheap.input
    assert later.input == 1_000_000


def test_a_tier_with_a_price_of_its_own_is_not_priced_by_a_contract_for_the_standard_tier(opened: Open) -> None:
    book = opened("prices: [{provider: openai, model: gpt-4o, input: 2, output: 8}]")
    assert nano(book, CALL, "openai", "gpt-4o", "batch") == 3_750_000
    assert nano(book, CALL, "openai", "gpt-4o", "flex") == 6_000_000


def test_a_contract_may_name_the_tier(opened: Open) -> None:
    book = opened("prices: [{provider: openai, model: gpt-4o, tier: batch, input: 1, output: 1}]")
    assert nano(book, CALL, "openai", "gpt-4o", "batch") == 1_500_000
    assert nano(book, CALL, "openai", "gpt-4o") == 7_500_000


def test_a_discount_comes_off_every_list_price_of_its_provider_and_off_no_other(opened: Open) -> None:
    book = opened("discounts: [{provider: azure, percent_off: 15}]")
    assert nano(book, CALL, "azure.ai.openai", "gpt-4o") == 6_375_000
    assert nano(book, CALL, "openai", "gpt-4o") == 7_500_000
    price = book.price(CALL, provider="azure", model="gpt-4o")
    assert price is not None
    assert price.version.startswith("genai-prices/")
    assert "+mine@" in price.version


def test_a_discount_comes_off_cliffs_and_fees_too(opened: Open) -> None:
    book = opened("discounts: [{provider: openai, percent_off: 50}]")
    long = Usage(input=300_000, output=1_000)
    assert nano(book, long, "openai", "gpt-5.6-sol") == 1_215_000_000
    searched = Usage(input=1_000, web_searches=2, units=Units(file_searches=2))
    assert nano(book, searched, "openai", "gpt-4o") == 1_250_000 + 10_000_000 + 2_500_000


def test_a_surcharge_is_a_discount_below_zero(opened: Open) -> None:
    book = opened("discounts: [{provider: openai, percent_off: -10}]")
    assert nano(book, CALL, "openai", "gpt-4o") == 8_250_000


def test_an_alias_is_priced_as_what_it_stands_for(opened: Open) -> None:
    book = opened(
        "aliases:\n"
        "  - {provider: azure, model: my-prod-4o, is: gpt-4o}\n"
        "  - {model: 'arn:aws:bedrock:*:application-inference-profile/abcd1234',\n"
        "     is: us.anthropic.claude-sonnet-4-5-20250929-v1:0, of: aws}\n"
    )
    arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abcd1234"
    assert nano(book, CALL, "azure.ai.openai", "my-prod-4o") == 7_500_000
    assert nano(book, CALL, "openai", "my-prod-4o") is None
    assert nano(book, CALL, "aws.bedrock", arn) == 11_550_000


def test_an_alias_of_a_model_with_a_contract_has_its_price(opened: Open) -> None:
    book = opened(
        "aliases: [{provider: azure, model: my-4o, is: gpt-4o, of: openai}]\n"
        "prices: [{provider: openai, model: gpt-4o, input: 1, output: 1}]"
    )
    assert nano(book, CALL, "azure", "my-4o") == 1_500_000


def test_an_alias_that_leads_nowhere_has_no_price(opened: Open) -> None:
    assert nano(opened("aliases: [{model: a, is: b}, {model: b, is: a}]"), CALL, "openai", "a") is None


def test_a_model_on_ones_own_machines_is_free_where_the_file_says_so(opened: Open) -> None:
    book = opened(
        "prices: [{provider: vllm, model: '*', free: true, context_window: 32768}, {model: 'qwen/*', free: true}]"
    )
    assert nano(book, CALL, "vllm", "anything") == 0
    assert nano(book, CALL, "openai", "Qwen/Qwen3-8B") == 0
    assert nano(book, CALL, "ollama", "anything") is None
    assert book.limits("vllm", "anything").window == 32_768


def test_the_most_exact_name_wins(opened: Open) -> None:
    book = opened(
        "prices:\n"
        "  - {model: '*', input: 1, output: 1}\n"
        "  - {model: 'house-*', input: 2, output: 2}\n"
        "  - {provider: vllm, model: 'house-*', input: 3, output: 3}\n"
        "  - {model: house-1, input: 4, output: 4}\n"
    )
    one = Usage(input=1_000)
    asked = [("p", "other"), ("p", "house-2"), ("vllm", "house-2"), ("vllm", "house-1")]
    assert [nano(book, one, *call) for call in asked] == [1_000_000, 2_000_000, 3_000_000, 4_000_000]


def test_prices_in_another_currency_are_converted_at_the_stated_rate_and_rounded_up(opened: Open) -> None:
    book = opened(
        "exchange: {EUR: {usd: 1.0853, date: 2026-11-03}}\n"
        "prices: [{model: house, currency: EUR, input: 0.123457, output: 1}]"
    )
    rates = book.rates("p", "house", NOV)
    assert rates is not None
    assert (rates.input, rates.output) == (133_988, 1_085_300)


def test_a_contract_without_a_fee_for_searches_has_that_of_the_provider(opened: Open) -> None:
    book = opened("prices: [{provider: openai, model: gpt-4o, input: 2, output: 8}]")
    assert nano(book, Usage(input=1_000, web_searches=1), "openai", "gpt-4o") == 12_000_000


def test_a_file_that_cannot_be_used_makes_a_book_that_prices_nothing(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("prices: 7")
    book = open_book(str(tmp_path / "bad.yaml"), "price_as:gpt-4o")
    assert book.broken is not None
    assert "line 1, prices: must be a list" in book.broken
    assert nano(book, CALL, "openai", "gpt-4o-mini") is None


def test_the_policy_for_unknown_models_reaches_the_book() -> None:
    assert nano(open_book(None, "price_as:gpt-4o-mini"), CALL, "openai", "house") == 450_000
    assert nano(open_book(None, "allow"), CALL, "openai", "house") is None
