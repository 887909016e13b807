"""What a usage costs at given rates."""

from dataclasses import fields, replace

from hypothesis import given
from hypothesis import strategies as st

from spanledger.pricing.rates import TOKEN_KINDS, Rates, complete
from spanledger.usage import Units, Usage

#: Every kind at a price that no other kind and no sum of few others has, in pico-USD.
DISTINCT = Rates(
    input=1_000_000_000,
    output=2_000_000_000,
    cache_read=1_000,
    cache_write=1_100_000_000,
    cache_write_long=1_200_000_000,
    reasoning=2_000_000_001,
    input_audio=5_000_000_000,
    output_audio=7_000_000_000,
    cache_read_audio=30_000,
    input_image=1_500_000_000,
    output_image=9_000_000_000,
    web_search=10_000_000_000,
    cache_read_image=40_000,
    input_video=1_700_000_000,
    output_video=11_000_000_000,
    citation=2_100_000_000,
)

#: Every field that is a price.
PRICED = (*TOKEN_KINDS, "web_search", "request")

counts = st.integers(min_value=0, max_value=2_000_000)
prices = st.integers(min_value=0, max_value=10**9)


@st.composite
def rates(draw: st.DrawFn) -> Rates:
    """Any rates, with one cliff behind which everything costs at least as much as before it."""
    base = {kind: draw(prices) for kind in PRICED}
    dearer = {kind: price + draw(prices) for kind, price in base.items()}
    return complete(base, web_search=0, cliffs=((draw(counts), complete(dearer, web_search=0)),))


@st.composite
def leaves(draw: st.DrawFn) -> dict[str, int]:
    """How many tokens there are of each kind, where no token is of two kinds."""
    return {kind: draw(counts) for kind in (*TOKEN_KINDS, "web_search")}


def usage_of(leaf: dict[str, int]) -> Usage:
    """The inclusive usage that a provider would report for tokens of these kinds."""
    inputs = (
        "input",
        "cache_read",
        "cache_write",
        "cache_write_long",
        "input_audio",
        "cache_read_audio",
        "input_image",
        "cache_read_image",
        "input_video",
    )
    outputs = ("output", "reasoning", "citation", "output_audio", "output_image", "output_video")
    return Usage(
        input=sum(leaf[kind] for kind in inputs),
        output=sum(leaf[kind] for kind in outputs),
        cache_read=leaf["cache_read"] + leaf["cache_read_audio"] + leaf["cache_read_image"],
        cache_write=leaf["cache_write"] + leaf["cache_write_long"],
        cache_write_long=leaf["cache_write_long"],
        reasoning=leaf["reasoning"],
        input_audio=leaf["input_audio"] + leaf["cache_read_audio"],
        output_audio=leaf["output_audio"],
        cache_read_audio=leaf["cache_read_audio"],
        input_image=leaf["input_image"] + leaf["cache_read_image"],
        cache_read_image=leaf["cache_read_image"],
        input_video=leaf["input_video"],
        output_video=leaf["output_video"],
        citation=leaf["citation"],
        output_image=leaf["output_image"],
        web_searches=leaf["web_search"],
    )


any_usage = st.builds(Usage, **{field.name: counts for field in fields(Usage) if field.type == "int"}).map(
    lambda usage: usage.checked()
)


@given(rates(), leaves())
def test_every_token_is_paid_once_at_the_rate_of_its_kind(rates: Rates, leaf: dict[str, int]) -> None:
    usage = usage_of(leaf)
    row = rates.row(usage.input)
    expected = sum(count * getattr(row, kind) for kind, count in leaf.items()) + row.request
    assert rates.pico(usage) == expected


@given(rates(), leaves(), st.sampled_from([*TOKEN_KINDS, "web_search"]), counts)
def test_more_of_any_kind_never_costs_less(rates: Rates, leaf: dict[str, int], kind: str, more: int) -> None:
    increased = {**leaf, kind: leaf[kind] + more}
    assert rates.nano(usage_of(increased)) >= rates.nano(usage_of(leaf))


@given(rates(), leaves(), leaves())
def test_two_calls_cost_what_one_with_the_tokens_of_both_does_or_a_nano_usd_more(
    rates: Rates, one: dict[str, int], other: dict[str, int]
) -> None:
    level = replace(rates, cliffs=(), request=0)
    both = level.nano(usage_of({kind: one[kind] + other[kind] for kind in one}))
    assert level.nano(usage_of(one)) + level.nano(usage_of(other)) - both in (0, 1)


@given(rates(), leaves())
def test_one_token_below_at_and_above_a_cliff_is_paid_at_the_rates_of_its_side(
    rates: Rates, leaf: dict[str, int]
) -> None:
    ((threshold, dear),) = rates.cliffs
    plain = replace(rates, cliffs=())
    for total, row in ((threshold - 1, plain), (threshold, plain), (threshold + 1, dear)):
        usage = Usage(input=max(total, 0), output=leaf["output"], cache_read=min(leaf["cache_read"], max(total, 0)))
        assert rates.nano(usage) == row.nano(usage)


@given(rates(), any_usage)
def test_no_usage_costs_more_than_all_its_tokens_at_the_dearest_rate(rates: Rates, usage: Usage) -> None:
    usage = replace(usage, web_searches=0)
    whole = max(usage.input, usage.cache_read + max(usage.cache_write, usage.cache_write_long))
    assert rates.nano(usage) <= rates.worst(whole, usage.output)


@given(rates(), any_usage)
def test_a_usage_of_text_costs_no_more_than_the_worst_case_of_text(rates: Rates, usage: Usage) -> None:
    usage = replace(usage, web_searches=0, input_audio=0, cache_read_audio=0, input_image=0)
    usage = replace(usage, output_audio=0, output_image=0, output_video=0, input_video=0, cache_read_image=0)
    whole = max(usage.input, usage.cache_read + max(usage.cache_write, usage.cache_write_long))
    assert rates.nano(usage) <= rates.worst(whole, usage.output, text_only=True)


@given(rates(), any_usage)
def test_no_usage_costs_less_than_all_its_tokens_at_the_cheapest_rate(rates: Rates, usage: Usage) -> None:
    row = rates.row(max(usage.input, usage.cache_read + max(usage.cache_write, usage.cache_write_long)))
    cheapest = min(getattr(row, kind) for kind in TOKEN_KINDS)
    assert rates.pico(usage) >= (usage.input + usage.output) * cheapest


@given(rates(), any_usage)
def test_a_cost_is_a_whole_number_of_nano_usd_rounded_up_once(rates: Rates, usage: Usage) -> None:
    nano = rates.nano(usage)
    assert type(nano) is int
    assert 0 <= nano * 1_000 - rates.pico(usage) < 1_000


@given(
    rates(),
    st.builds(Usage, **{field.name: st.integers(-5, 2_000_000) for field in fields(Usage) if field.type == "int"}),
)
def test_a_contradictory_usage_has_a_cost_that_is_not_negative(rates: Rates, usage: Usage) -> None:
    assert rates.nano(usage.checked()) >= 0


@given(rates(), counts, counts, st.integers(-2, 2_000_000), st.integers(-2, 2_000_000), st.integers(-2, 2_000_000))
def test_text_alone_costs_the_same_on_the_short_way(
    rates: Rates, into: int, out: int, read: int, write: int, thought: int
) -> None:
    usage = Usage(input=into, output=out, cache_read=read, cache_write=write, reasoning=thought)
    assert rates.text_nano(usage) == (None if usage.flagged().suspect else rates.nano(usage))


def test_the_short_way_is_for_text_alone() -> None:
    assert DISTINCT.text_nano(Usage(input=5, input_audio=1)) is None
    assert DISTINCT.text_nano(Usage(input=5, web_searches=1)) is None
    assert DISTINCT.text_nano(Usage(input=5, units=Units(pages=1))) is None
    assert replace(DISTINCT, per_token=False).text_nano(Usage(input=5)) is None


def test_a_tenth_of_a_nano_usd_is_rounded_up() -> None:
    assert complete({"input": 100}, web_search=0).nano(Usage(input=1)) == 1


def test_the_rates_behind_a_cliff_hold_for_all_tokens_from_the_first_token_above_it() -> None:
    dear = complete({"input": 2_000, "output": 20_000}, web_search=0)
    rates = complete({"input": 1_000, "output": 10_000}, web_search=0, cliffs=((100, dear),))
    assert rates.nano(Usage(input=100, output=1)) == 100 + 10
    assert rates.nano(Usage(input=101, output=1)) == 202 + 20


def test_the_highest_cliff_that_a_call_is_above_decides() -> None:
    rows = {at: complete({"input": at}, web_search=0) for at in (1_000, 2_000, 3_000)}
    rates = replace(rows[1_000], cliffs=((200, rows[3_000]), (100, rows[2_000])))
    assert [rates.row(count) for count in (100, 200, 201)] == [replace(rates), rows[2_000], rows[3_000]]


def test_images_that_were_also_read_from_the_cache_are_paid_as_images_and_the_cache_gives_way() -> None:
    usage = Usage(input=100, cache_read=80, input_image=60)
    assert DISTINCT.pico(usage) == 60 * DISTINCT.input_image + 40 * DISTINCT.cache_read


def test_audio_read_from_the_cache_is_paid_at_its_own_rate() -> None:
    usage = Usage(input=100, cache_read=30, input_audio=20, cache_read_audio=10)
    expected = (
        10 * DISTINCT.cache_read_audio
        + 20 * DISTINCT.cache_read
        + 10 * DISTINCT.input_audio
        + 60 * DISTINCT.input
    )  # fmt: skip
    assert DISTINCT.pico(usage) == expected


def test_more_long_cache_writes_than_cache_writes_are_charged_as_long_ones() -> None:
    assert DISTINCT.pico(Usage(input=10, cache_write=4, cache_write_long=10)) == 10 * DISTINCT.cache_write_long


def test_a_part_without_a_rate_costs_what_its_whole_costs() -> None:
    rates = complete({"input": 3, "output": 7}, web_search=0)
    assert (rates.cache_read, rates.cache_write, rates.cache_write_long) == (3, 3, 3)
    assert (rates.input_audio, rates.cache_read_audio, rates.input_image) == (3, 3, 3)
    assert (rates.reasoning, rates.output_audio, rates.output_image) == (7, 7, 7)


def test_cached_audio_without_a_rate_costs_the_dearer_of_audio_and_cache() -> None:
    assert complete({"input": 3, "cache_read": 1, "input_audio": 9}, web_search=0).cache_read_audio == 9
    assert complete({"input": 3, "cache_read": 1}, web_search=0).cache_read_audio == 1


def test_a_long_cache_write_without_a_rate_costs_what_a_short_one_does_but_no_less_than_the_floor() -> None:
    assert complete({"input": 100, "cache_write": 125}, web_search=0).cache_write_long == 125
    assert complete({"input": 100, "cache_write": 125}, web_search=0, long_write=2).cache_write_long == 200


def test_output_of_a_model_that_has_only_a_rate_for_input_is_never_free() -> None:
    rates = complete({"input": 3, "input_audio": 9}, web_search=0)
    assert (rates.output, rates.reasoning) == (9, 9)


def test_a_table_without_a_fee_for_searches_gets_the_one_given() -> None:
    assert complete({"input": 3}, web_search=17).web_search == 17
    assert complete({"input": 3, "web_search": 5}, web_search=17).web_search == 5


def test_a_fee_per_request_is_charged_once_a_call() -> None:
    rates = complete({"input": 1_000, "request": 12_000_000}, web_search=0)
    assert rates.nano(Usage(input=1)) == 12_001
