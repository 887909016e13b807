"""How bins lie in a file, which may move to another machine."""

from __future__ import annotations

from collections import defaultdict

from spanledger.ledger.packing import Bins, merged, unpack_bins


def test_bins_lie_with_their_low_byte_first_and_come_back_whatever_their_count() -> None:
    assert merged(b"", {0x0102: 3}) == b"\x02\x01\x03\x00"
    found: Bins = defaultdict(int)
    unpack_bins(merged(merged(b"", {5: 70_000, 7: 2}), {7: -2, 9: 1}), found)
    assert found == {5: 70_000, 9: 1}
