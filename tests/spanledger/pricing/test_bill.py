"""A cost line by line, and what is no token."""

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.prices import nano

from spanledger.pricing import PriceBook
from spanledger.pricing.bill import Line, itemised
from spanledger.pricing.fees import UNIT_KINDS
from spanledger.pricing.rates import TOKEN_KINDS, Rates, complete
from spanledger.usage import Units, Usage

counts = st.integers(0, 1_000_000)
prices = st.integers(0, 10**9)
RATES = complete(
    {"input": 1_000_000, "output": 4_000_000, "audio_ms": 360_000_000_000, "file_searches": 2_500_000_000},
    web_search=10_000_000_000,
)


@st.composite
def rates(draw: st.DrawFn) -> Rates:
    kinds = (*TOKEN_KINDS, "web_search", "request")
    dear = complete({kind: draw(prices) for kind in kinds}, web_search=0)
    return complete({kind: draw(prices) for kind in kinds}, web_search=0, cliffs=((draw(counts), dear),))


token_usages = st.builds(Usage, **{each.name: counts for each in fields(Usage) if each.type == "int"}).map(
    lambda usage: usage.checked()
)


@given(rates(), token_usages)
def test_the_lines_add_up_to_the_price_and_count_every_token_once(rates: Rates, usage: Usage) -> None:
    bill = itemised(rates, usage)
    assert bill is not None
    assert bill.nano == rates.nano(usage)
    tokens = sum(line.count for line in bill.lines if line.kind in TOKEN_KINDS)
    whole = max(usage.input, usage.cache_read + max(usage.cache_write, usage.cache_write_long))
    assert tokens == whole + usage.output


def test_audio_by_time_is_paid_by_the_hour() -> None:
    bill = itemised(RATES, Usage(units=Units(audio_ms=90_000)))
    assert bill is not None
    assert bill.lines == (Line("audio_ms", 90_000, 360_000_000_000, 3_600_000),)
    assert bill.nano == 9_000_000


def test_what_has_no_fee_is_named_and_the_rest_is_charged() -> None:
    bill = itemised(RATES, Usage(input=1_000, units=Units(file_searches=2, code_executions=1)))
    assert bill is not None
    assert (bill.nano, bill.missing) == (1_000_000 + 5_000_000, ("code_executions",))


def test_tokens_that_the_provider_bills_instead_of_those_it_counts_are_charged() -> None:
    usage = Usage(input=500, output=90, cache_read=20, reasoning=10, units=Units(billed_input=100, billed_output=50))
    bill = itemised(RATES, usage)
    assert bill is not None
    assert bill.lines == (Line("input", 100, 1_000_000), Line("output", 50, 4_000_000))


def test_tokens_of_a_model_that_is_not_billed_by_tokens_have_no_price() -> None:
    by_time = complete({"audio_ms": 360_000_000_000}, web_search=0)
    assert itemised(by_time, Usage(input=1, units=Units(audio_ms=1_000))) is None
    assert itemised(by_time, Usage()) is None


@pytest.mark.parametrize("kind", UNIT_KINDS)
def test_a_unit_is_never_free_in_silence(kind: str) -> None:
    bill = itemised(complete({"input": 1}, web_search=1), Usage(input=1, units=Units(**{kind: 3})))
    assert bill is not None
    assert kind in bill.missing or kind in [line.kind for line in bill.lines]


@pytest.mark.parametrize(
    ("provider", "model", "units", "expected"),
    [
        ("openai", "whisper-1", Units(audio_ms=60_000), 6_000_000),
        ("openai", "tts-1", Units(characters=1_000), 15_000_000),
        ("cohere", "rerank-v3.5", Units(search_units=1), 2_000_000),
        ("mistral", "mistral-ocr-2512", Units(pages=10), 20_000_000),
        ("openai", "whisper-1", Units(images=1), None),
        ("openai", "dall-e-3", Units(images=1), None),
    ],
)
def test_units_cost_what_is_published(
    book: PriceBook, provider: str, model: str, units: Units, expected: int | None
) -> None:
    assert nano(book, Usage(units=units), provider, model) == expected


def test_a_model_that_is_billed_by_time_has_no_rates_for_tokens(book: PriceBook) -> None:
    assert book.rates("openai", "whisper-1") is None


@pytest.mark.parametrize(("model", "dearer"), [("gpt-4o", 15_000_000), ("o3", 0)])
def test_preview_searches_are_dearer_with_models_that_do_not_reason(book: PriceBook, model: str, dearer: int) -> None:
    plain = nano(book, Usage(input=1_000, web_searches=1), "openai", model)
    preview = nano(book, Usage(input=1_000, web_searches=1, units=Units(preview_searches=1)), "openai", model)
    assert plain is not None
    assert preview == plain + dearer


def test_a_price_that_leaves_something_out_says_what(book: PriceBook) -> None:
    usage = Usage(input=1_000, units=Units(code_executions=1))
    price = book.price(usage, provider="anthropic", model="claude-sonnet-5")
    assert price is not None
    assert price.missing == ("code_executions",)
    assert price.nano_usd == nano(book, Usage(input=1_000), "anthropic", "claude-sonnet-5")
