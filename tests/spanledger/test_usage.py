"""Usage holds parts within wholes, and says where a provider contradicted itself."""

from __future__ import annotations

import math
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanledger.semconv import names
from spanledger.usage import PLAUSIBLE, Units, Usage, count

COUNTS = [f.name for f in fields(Usage) if f.type == "int"]
usages = st.builds(Usage, **{name: st.integers(-(10**6), 10**12) for name in COUNTS})


@given(usages)
def test_checked_usage_has_no_part_larger_than_its_whole(usage: Usage) -> None:
    checked = usage.checked()
    assert checked.input >= max(checked.cache_read + checked.cache_write, checked.input_audio, checked.input_image)
    assert checked.output >= max(checked.reasoning, checked.output_audio, checked.output_image)
    assert min(getattr(checked, name) for name in COUNTS) >= 0


@given(usages)
def test_checked_usage_never_claims_less_than_was_told(usage: Usage) -> None:
    checked = usage.checked()
    assert all(getattr(checked, name) >= getattr(usage, name) for name in COUNTS)


@given(usages)
def test_only_what_was_changed_is_suspect_and_checking_twice_changes_nothing(usage: Usage) -> None:
    checked = usage.checked()
    assert checked.suspect == (checked != usage)
    assert checked.checked() == checked


def test_consistent_usage_is_the_very_same() -> None:
    usage = Usage(input=10, output=5, cache_read=4, cache_write=6, reasoning=5)
    assert usage.checked() is usage


@pytest.mark.parametrize(("tokens", "plausible"), [(PLAUSIBLE, True), (PLAUSIBLE + 1, False)])
def test_usage_is_plausible_up_to_a_bound(tokens: int, plausible: bool) -> None:
    assert Usage(input=tokens).plausible is plausible
    assert Usage(output=tokens).plausible is plausible


def test_parts_that_are_zero_are_left_out_of_the_attributes() -> None:
    assert Usage(input=3).attributes() == {
        names.GEN_AI_USAGE_INPUT_TOKENS: 3,
        names.GEN_AI_USAGE_OUTPUT_TOKENS: 0,
    }


def test_all_parts_and_flags_become_attributes() -> None:
    usage = Usage(input=9, output=4, cache_read=1, cache_write=2, reasoning=3, estimated=True, suspect=True)
    assert usage.attributes() == {
        names.GEN_AI_USAGE_INPUT_TOKENS: 9,
        names.GEN_AI_USAGE_OUTPUT_TOKENS: 4,
        names.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: 1,
        names.GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS: 2,
        names.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS: 3,
        names.SPANLEDGER_USAGE_ESTIMATED: True,
        names.SPANLEDGER_USAGE_SUSPECT: True,
    }


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (3, 3),
        (3.9, 3),
        (-2, -2),
        (10**30, 10**30),
        ("3", 0),
        (None, 0),
        (True, 0),
        (math.nan, 0),
        (math.inf, 0),
        ([3], 0),
    ],
)
def test_a_count_is_a_whole_number_or_nothing(value: object, found: int) -> None:
    assert count(value) == found


def test_kinds_of_tokens_exclude_each_other() -> None:
    usage = Usage(input=10, input_audio=6, input_image=3, input_video=4)
    assert usage.flagged().suspect
    assert usage.checked().input == 13


def test_a_sum_that_was_told_and_is_larger_is_charged_as_output() -> None:
    checked = Usage(input=10, output=5, reported_total=40).checked()
    assert (checked.suspect, checked.input, checked.output) == (True, 10, 30)


def test_cached_audio_and_images_are_cached_tokens() -> None:
    checked = Usage(input=10, cache_read=1, cache_read_audio=4, cache_read_image=3).checked()
    assert (checked.suspect, checked.cache_read) == (True, 7)


@pytest.mark.parametrize(("window", "exceeds"), [(None, False), (10, False), (9, True)])
def test_a_usage_up_to_the_window_fits_it(window: int | None, exceeds: bool) -> None:
    assert Usage(input=10, output=3).exceeds(window) is exceeds
    assert Usage(input=3, output=10).exceeds(window) is exceeds


def test_units_that_cannot_be_are_dropped_and_make_the_usage_suspect() -> None:
    usage = Usage(input=1, units=Units(billed_input=-1, images=3, audio_ms=10**12))
    assert usage.flagged() == Usage(input=1, suspect=True, units=Units(images=3))
    assert usage.checked().checked() == usage.checked()


def test_units_alone_claim_no_tokens() -> None:
    assert Usage(units=Units(search_units=2)).attributes() == {names.SPANLEDGER_USAGE_SEARCH_UNITS: 2}
    assert not Units(images=0)


@given(usages, usages)
def test_two_usages_together_have_the_tokens_of_both(one: Usage, other: Usage) -> None:
    both = one + other
    assert all(getattr(both, name) == getattr(one, name) + getattr(other, name) for name in COUNTS)


def test_two_usages_together_have_a_reported_cost_only_if_both_had() -> None:
    told, silent = Usage(input=1, reported_nano_usd=5), Usage(input=1, estimated=True)
    assert (told + told).reported_nano_usd == 10
    assert (told + silent).reported_nano_usd is None
    assert (told + silent).estimated


def test_two_usages_together_bill_what_each_bills() -> None:
    told, silent = Usage(input=9, units=Units(billed_input=4, images=1)), Usage(input=7, units=Units(images=2))
    assert (told + silent).units == Units(billed_input=11, images=3)
    assert (silent + silent).units.billed_input is None
