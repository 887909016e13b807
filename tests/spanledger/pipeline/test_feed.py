"""What an app tells whoever watches it, and that it is never the worse for it."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.support.ledgering import entry, ids, recorder

from spanledger.errors import Refusal
from spanledger.ledger import CacheEvent, Charge, Maker
from spanledger.live.follow import Follower
from spanledger.pipeline import feed as module
from spanledger.pipeline.feed import Denied, Ended, Feed, Spent, Told
from spanledger.pipeline.meters import AgentRun
from spanledger.usage import Usage


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "live.jsonl"
    made.touch()
    return made


def heard(file: Path) -> list[Told]:
    follower = Follower(file)
    try:
        return list(follower.new())
    finally:
        follower.close()


def call(**facts: Any) -> Any:
    known = {
        "stage": "plan",
        "run": "r",
        "usage": Usage(input=100, output=20),
        "cost": 24_000,
        "price_status": "priced",
    }
    return entry("i", **{**known, **facts})


def test_a_call_arrives_as_it_was_told_with_what_budgets_were_charged(file: Path) -> None:
    charge = Charge("run/run", "r", "r", "USD", 24_000)
    Feed(file, None).record(call(charges=(charge,)))
    [told] = heard(file)
    assert told == Spent("plan", "success", "r", 0.0, 120, 24_000, unpriced=False, estimated=False, charges=(charge,))


def test_an_unknown_price_is_told_as_one(file: Path) -> None:
    Feed(file, None).record(call(cost=None, price_status="unpriced"))
    [told] = heard(file)
    assert isinstance(told, Spent)
    assert (told.cost, told.unpriced) == (None, True)


def test_stages_and_refusals_arrive(file: Path) -> None:
    feed = Feed(file, None)
    feed.ended(AgentRun("plan", "failed", 1.5, 100, 20, 24_000, 1, "ValueError"))
    feed.refused(Refusal("run/run", "exhausted", scope_value="r"))
    assert heard(file) == [
        Ended("plan", "failed", "ValueError", 1.5, 120, 24_000, 1),
        Denied("run/run", "r", "budget run/run of r refused the call: exhausted"),
    ]


def test_the_ledger_behind_it_keeps_every_row_for_the_right_service(file: Path, tmp_path: Path) -> None:
    url = f"sqlite://{tmp_path}/calls.sqlite"
    behind = recorder(url)
    feed = Feed(file, behind)
    feed.maker = Maker("web", "prod")
    feed.record(call())
    feed.record(CacheEvent("c", 1, "l1", hit=True))
    assert feed.maker == behind.maker == Maker("web", "prod")
    behind.drain_now()
    assert ids(url) == {"i"}
    feed.close()
    assert len(heard(file)) == 1  # caches are no calls


def test_forks_write_whole_lines_to_the_same_file(file: Path) -> None:
    feed = Feed(file, None)
    feed.record(call())
    children = []
    for _ in range(3):
        if not (child := os.fork()):
            for _ in range(200):
                feed.record(call(stage="a stage whose name is long" * 20))
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    assert len(heard(file)) == 601


def test_once_nobody_watches_nothing_is_written_and_nothing_fails(file: Path) -> None:
    feed = Feed(file, None)
    feed.record(call())
    watching = file.open("rb")
    file.unlink()
    feed.record(call())
    feed.record(call())
    assert len(watching.read().splitlines()) == 1
    watching.close()


def test_a_watcher_that_does_not_read_cannot_fill_the_disk(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FULL", 300)
    feed = Feed(file, None)
    for _ in range(50):
        feed.record(call())
    assert file.stat().st_size < 600


def test_a_file_that_cannot_be_opened_is_said_once_and_the_app_goes_on(
    tmp_path: Path, failures: Counter[tuple[str, str]]
) -> None:
    feed = Feed(tmp_path / "nowhere" / "live.jsonl", None)
    feed.record(call())
    feed.record(call())
    assert failures == {("live", "FileNotFoundError"): 1}


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b'{"new":[1]}', b'{"spent":[1]}', b'{"spent":1}', b"\xff"])
def test_a_line_of_somebody_else_is_passed_over(line: bytes) -> None:
    assert module.read(line) is None


def test_half_a_line_waits_for_its_other_half(file: Path) -> None:
    told = Denied("b", "r", "no")
    text, follower = module.line(told), Follower(file)
    with file.open("ab", buffering=0) as out:
        out.write(text[:7])
        assert list(follower.new()) == []
        out.write(text[7:] + text)
        assert list(follower.new()) == [told, told]
    follower.close()
