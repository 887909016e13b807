"""The price book: what a call cost, as its users ask for it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.support.prices import CALL, NOV, nano

from spanledger.pricing import Price, PriceBook
from spanledger.usage import Usage


def test_a_price_says_what_it_is_from(book: PriceBook) -> None:
    price = book.price(CALL, provider="openai", model="gpt-4o-mini", at=NOV)
    assert price == Price(450_000, book.version, "local")
    assert book.version.startswith("genai-prices/")


@pytest.mark.parametrize(
    ("usage", "provider", "model", "tier", "expected"),
    [
        (CALL, "openai", "gpt-4o-2024-05-13", None, 12_500_000),
        (CALL, "openai", "gpt-4o", "default", 7_500_000),
        (CALL, "openai", "openai/gpt-4o", None, 7_500_000),
        (CALL, "openai", "azure/gpt-4o", None, 7_500_000),
        (CALL, "openai", "gpt-4o-mini-2024-07-18", None, 450_000),
        (CALL, "openai", "gpt-4o-mini-2031-01-02", None, 450_000),
        (CALL, "openai", "gpt-5.2-20251211", None, 8_750_000),
        (CALL, "openai", "ft:gpt-4o-mini:org::id", None, 900_000),
        (Usage(input=2_000, output=300, cache_read=1_024), "openai", "gpt-4o-mini", None, 403_200),
        (Usage(input=1_000, output=500, reasoning=400), "openai", "gpt-5-nano", None, 250_000),
        (Usage(input=1_000, output=500), "openai", "gpt-5-nano", "flex", 125_000),
        (Usage(input=300_000, output=1_000), "openai", "gpt-5.6-sol", None, 2_430_000_000),
        (Usage(input=8_000), "openai", "text-embedding-3-small", None, 160_000),
        (CALL, "azure.ai.openai", "gpt-4o-mini-2024-07-18", None, 450_000),
        (CALL, "gcp.gemini", "models/gemini-2.5-pro", None, 6_250_000),
        (CALL, "aws.bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", None, 11_550_000),
        (CALL, "x_ai", "grok-4", None, 10_500_000),
        (CALL, "openrouter", "openai/gpt-4o-mini", None, 450_000),
        (CALL, "perplexity", "sonar", None, 13_500_000),
    ],
)
def test_prices_are_the_published_ones(
    book: PriceBook, usage: Usage, provider: str, model: str, tier: str | None, expected: int
) -> None:
    assert nano(book, usage, provider, model, tier) == expected


def test_cache_writes_of_anthropic_are_paid_by_how_long_they_live(book: PriceBook) -> None:
    usage = Usage(input=10_000, output=100, cache_read=5_000, cache_write=3_000, cache_write_long=1_000)
    uncached, read, short, long, output = 2_000 * 3_000, 5_000 * 300, 2_000 * 3_750, 1_000 * 6_000, 100 * 15_000
    assert nano(book, usage, "anthropic", "claude-sonnet-4-5-20250929") == uncached + read + short + long + output


def test_a_table_without_the_rate_of_long_cache_writes_of_claude_does_not_make_them_cheap(book: PriceBook) -> None:
    rates = book.rates("openrouter", "anthropic/claude-sonnet-4.5", NOV)
    assert rates is not None
    assert rates.cache_write_long == 2 * rates.input


def test_web_searches_are_paid(book: PriceBook) -> None:
    with_searches = nano(book, replace(CALL, web_searches=3), "anthropic", "claude-sonnet-5")
    without = nano(book, CALL, "anthropic", "claude-sonnet-5")
    assert with_searches is not None
    assert without is not None
    assert with_searches - without == 3 * 10_000_000


def test_web_searches_with_a_provider_that_has_no_fee_in_the_table_are_paid_at_the_dearest_fee(book: PriceBook) -> None:
    searched, google = book.rates("groq", "llama-3.3-70b-versatile", NOV), book.rates("google", "gemini-2.5-flash", NOV)
    assert searched is not None
    assert google is not None
    assert searched.web_search == google.web_search == 35_000_000_000


def test_a_price_is_that_of_the_day_of_the_call(book: PriceBook) -> None:
    before = book.price(CALL, provider="openai", model="o3", at=datetime(2025, 6, 1, tzinfo=UTC))
    after = book.price(CALL, provider="openai", model="o3", at=NOV)
    assert before is not None
    assert after is not None
    assert (before.nano_usd, after.nano_usd) == (30_000_000, 6_000_000)


def test_a_price_is_that_of_the_hour_of_the_call(book: PriceBook) -> None:
    night, day = (datetime(2026, 11, 21, hour, tzinfo=UTC) for hour in (23, 2))
    cheap = book.price(CALL, provider="deepseek", model="deepseek-v4-flash", at=night)
    dear = book.price(CALL, provider="deepseek", model="deepseek-v4-flash", at=day)
    assert cheap is not None
    assert dear is not None
    assert dear.nano_usd == 2 * cheap.nano_usd


def test_a_discount_of_openai_is_no_discount_of_azure_but_a_surcharge_is_a_surcharge(book: PriceBook) -> None:
    standard = nano(book, CALL, "azure.ai.openai", "gpt-5.4")
    assert standard is not None
    assert nano(book, CALL, "azure.ai.openai", "gpt-5.4", "flex") == standard
    assert nano(book, CALL, "azure.ai.openai", "gpt-5.4", "priority") == nano(
        book, CALL, "openai", "gpt-5.4", "priority"
    )


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("anthropic", "claude-opus-9"),
        ("anthropic", "claude-opus-4-10"),
        ("openai", "gpt-5.9-20270101"),
        ("openai", "gpt-5-nano-ultra"),
        ("openai", "gpt-99-nonexistent"),
        ("openai", "qwen3-8b-instruct"),
        ("openai", "unsloth/gpt-oss-20b"),
        ("openai", "ft:gpt-9:org::id"),
        ("openai", "gpt-4o-2024-13-01"),
        ("google", "gemini-2.5-pro-ultra"),
        ("azure", "my-prod-4o"),
        ("azure", "my-o4-mini-prod"),
        ("aws.bedrock", "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abcd1234"),
        ("cerebras", "qwen-3-coder-480b"),
        ("ollama", "gpt-4o"),
        ("", "gpt-4o"),
        ("openai", ""),
    ],
)
def test_what_nobody_knows_has_no_price_and_no_rates(book: PriceBook, provider: str, model: str) -> None:
    assert nano(book, CALL, provider, model) is None
    assert book.rates(provider, model) is None


@pytest.mark.parametrize(
    ("provider", "model"),
    [("openrouter", "openai/gpt-oss-20b:free"), ("openai", "omni-moderation-latest"), ("gcp.gemini", "gemma-3-27b-it")],
)
def test_what_the_source_says_is_free_costs_nothing(book: PriceBook, provider: str, model: str) -> None:
    assert nano(book, CALL, provider, model) == 0


def test_a_cost_that_the_provider_reports_is_taken_even_for_an_unknown_model(book: PriceBook) -> None:
    usage = replace(CALL, reported_nano_usd=123)
    assert book.price(usage, provider="openrouter", model="some/new-model") == Price(123, "reported", "provider")


@pytest.mark.parametrize("reported", [0, -1])
def test_a_reported_cost_of_nothing_or_less_is_no_report(book: PriceBook, reported: int) -> None:
    assert nano(book, replace(CALL, reported_nano_usd=reported), "openai", "gpt-4o-mini") == 450_000
    assert nano(book, replace(CALL, reported_nano_usd=reported), "openrouter", "some/new-model") is None


def test_a_usage_that_contradicts_itself_is_priced_at_its_larger_reading(book: PriceBook) -> None:
    assert nano(book, Usage(input=10, cache_read=161), "openai", "gpt-4o-mini") == 161 * 75


def test_more_tokens_than_any_model_takes_have_no_price(book: PriceBook) -> None:
    assert nano(book, Usage(input=10**15), "openai", "gpt-4o-mini") is None
    assert nano(book, Usage(cache_read=10**15), "openai", "gpt-4o-mini") is None


@pytest.mark.parametrize("count", [1.5, 1e300])
def test_a_cost_is_whole_nano_usd_even_for_a_count_that_is_not_whole(book: PriceBook, count: float) -> None:
    price = book.price(replace(CALL, input=count), provider="openai", model="gpt-4o-mini", at=NOV)  # type: ignore[arg-type]
    assert price is None or type(price.nano_usd) is int


@pytest.mark.parametrize("count", ["12", None, float("nan")])
@pytest.mark.usefixtures("failures")
def test_a_usage_that_cannot_be_read_is_unpriced_and_never_raises(book: PriceBook, count: object) -> None:
    usage = replace(CALL, input=count)  # type: ignore[arg-type]
    assert book.price(usage, provider="openai", model="gpt-4o-mini", at=NOV) is None


@pytest.mark.usefixtures("failures")
def test_a_name_or_a_time_that_is_none_is_unpriced_and_never_raises(book: PriceBook) -> None:
    assert book.price(CALL, provider=None, model=["gpt-4o"]) is None  # type: ignore[arg-type]
    assert book.price(CALL, provider=None, model="gpt-4o") is None  # type: ignore[arg-type]
    assert book.rates("deepseek", "deepseek-v4-flash", "yesterday") is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("provider", "model", "expected"),
    [
        ("gcp.vertex_ai", "publishers/google/models/gemini-2.5-pro@001", 6_250_000),
        ("gcp.vertex_ai", "projects/p/locations/l/publishers/anthropic/models/claude-sonnet-4-5@20250929", 10_500_000),
        ("aws.bedrock", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", 11_550_000),
        ("aws.bedrock", "apac.anthropic.claude-3-5-sonnet-20241022-v2:0", 10_500_000),
        ("aws.bedrock", "global.anthropic.claude-sonnet-4-5-20250929-v1:0", 10_500_000),
        ("aws.bedrock", "arn:aws:bedrock:us-east-1:1:inference-profile/us.amazon.nova-lite-v1:0", 180_000),
        ("litellm", "bedrock/us.amazon.nova-lite-v1:0", 180_000),
        ("openai", "ft:gpt-4o-mini-2024-07-18:acme::AbC123", 900_000),
        ("openai", "ft:gpt-3.5-turbo-0125:acme::AbC123", 6_000_000),
        ("openai", "gpt-4o-mini-2024-07-18.ft-0123abcd", 900_000),
    ],
)
def test_names_of_platforms_lead_to_the_model_behind_them(
    book: PriceBook, provider: str, model: str, expected: int
) -> None:
    assert nano(book, CALL, provider, model) == expected
