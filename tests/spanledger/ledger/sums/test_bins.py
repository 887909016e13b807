"""How bins lie in a file, which may move to another machine, and that they add up however they lie."""

from __future__ import annotations

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from spanledger.ledger.sums.bins import Bins, Tally, merged, unpack
from spanledger.ledger.sums.sketch import BINS

#: Counts of bins: some here and there, or many side by side.
COUNTS = st.integers(1, 2**17) | st.integers(1, 9)
APART = st.dictionaries(st.integers(0, BINS - 1), COUNTS, max_size=40)
BESIDE = st.builds(
    lambda first, counts: dict(enumerate(counts, first)),
    st.integers(0, BINS - 100),
    st.lists(COUNTS, min_size=24, max_size=99),
)
LATENCIES = st.lists(APART | BESIDE, max_size=5)


def _unpacked(packed: bytes) -> dict[int, int]:
    found: Bins = defaultdict(int)
    unpack(packed, found)
    return found


def test_few_bins_lie_as_pairs_with_their_low_byte_first_and_come_back_whatever_their_count() -> None:
    assert merged(b"", {0x0102: 3}) == b"\x02\x01\x03\x00"
    assert _unpacked(merged(merged(b"", {5: 70_000, 7: 2}), {7: -2, 9: 1})) == {5: 70_000, 9: 1}


def test_many_bins_beside_each_other_lie_as_lanes_with_their_low_byte_first() -> None:
    packed = merged(b"", dict.fromkeys(range(0x0102, 0x0102 + 24), 0x0304))
    assert packed == b"\x02\x01" + b"\x04\x03" * 24 + b"\x00"


@given(LATENCIES)
def test_bins_come_back_as_they_were_merged(latencies: list[dict[int, int]]) -> None:
    packed, expected = b"", defaultdict[int, int](int)
    for bins in latencies:
        packed = merged(packed, bins)
        for bin_, count in bins.items():
            expected[bin_] += count
    assert _unpacked(packed) == expected
    assert merged(packed, {bin_: -count for bin_, count in expected.items()}) == b""


@given(added=LATENCIES, taken=LATENCIES, again=st.sampled_from((1, 130)))
def test_a_tally_is_what_was_added_less_what_was_taken_away(
    added: list[dict[int, int]], taken: list[dict[int, int]], again: int
) -> None:
    tally, expected = Tally(), [0] * BINS
    signed = [(1, again, bins) for bins in added] + [(-1, 1, bins) for bins in taken]
    for sign, times, bins in signed:
        packed = merged(b"", bins)
        for _ in range(times):
            tally.add(packed, sign)
        for bin_, count in bins.items():
            expected[bin_] += sign * times * count
    assert tally.counts == expected
    tally.count(7)
    assert tally.counts[7] == expected[7] + 1
