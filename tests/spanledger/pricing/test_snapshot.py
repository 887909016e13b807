"""The file of entries that stands in for one release of genai-prices."""

from dataclasses import replace
from datetime import date, time

import pytest

from spanledger.pricing import reading, snapshot
from spanledger.pricing.entries import Entry, Match, Shop
from spanledger.pricing.snapshot import Snapshot
from spanledger.pricing.source import Catalogue

NIGHT = Entry(
    "night",
    Match("or", parts=(Match("equals", "night"), Match("and", parts=(Match("contains", "n"), Match("regex", "t$"))))),
    {"": ({"input": ((-1, 5), (200, 7))}, {}), "batch": ({"output": ((-1, 1),)}, {"web_search": ((-1, 3),)})},
    (date(2026, 1, 2),),
    (time(16, 30),),
    True,
    128_000,
)


def test_entries_come_back_as_they_were_written() -> None:
    shops = (Shop("a", (NIGHT, replace(NIGHT, id="other", free=False)), ("b",)), Shop("b", ()))
    read = Snapshot(snapshot.text(shops, "1.2.3").splitlines())
    assert read.release == "1.2.3"
    assert tuple(read.values()) == shops


def test_the_file_has_every_entry_of_the_release_that_is_installed() -> None:
    read = Snapshot.read()
    assert read.release == snapshot.release()
    assert tuple(read.values()) == reading.shops()


def test_another_release_is_read_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Catalogue.installed()
    monkeypatch.setattr(Snapshot, "read", lambda: Snapshot(['{"release":"0.0.0","providers":[]}']))
    after = Catalogue.installed()
    assert after.version == before.version
    assert after.find("openai", "gpt-4o-mini", "batch") == before.find("openai", "gpt-4o-mini", "batch")


@pytest.mark.parametrize(
    ("match", "taken", "left"),
    [
        (Match("equals", "a"), "a", "ab"),
        (Match("starts_with", "a"), "ab", "ba"),
        (Match("ends_with", "a"), "ba", "ab"),
        (Match("contains", "a"), "bab", "b"),
        (Match("regex", "^a+$"), "aa", "ab"),
        (Match("or", parts=(Match("equals", "a"), Match("equals", "b"))), "b", "c"),
        (Match("and", parts=(Match("contains", "a"), Match("contains", "b"))), "ab", "a"),
    ],
)
def test_patterns_take_what_they_say(match: Match, taken: str, left: str) -> None:
    assert match.takes(taken)
    assert not match.takes(left)
