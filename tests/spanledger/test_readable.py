"""Times and names as people read them."""

from __future__ import annotations

import pytest

from spanledger import readable


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.0351, "35 ms"), (0.9996, "1.0 s"), (1.44, "1.4 s"), (83, "1 min 23 s"), (7260, "2 h 01 min")],
)
def test_times_are_as_exact_as_they_are_read(seconds: float, said: str) -> None:
    assert readable.duration(seconds) == said


def test_names_cannot_move_the_cursor() -> None:
    assert readable.plain("plan\x1b[2Jner\r\n") == "plan�[2Jner��"


def test_joiners_are_seen_where_they_join_and_hide_nowhere_else() -> None:
    family, persian = "\U0001f468\u200d\U0001f469", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
    assert (readable.plain(family), readable.plain(persian)) == (family, persian)
    assert readable.plain("ac\u200dme") == "ac�me"
    assert readable.plain("\u200d\u06cc\u200c") == "�\u06cc�"
