"""The story of an app from what it tells: a line for each stage, and what it all came to."""

from __future__ import annotations

from spanledger.live.shown import Line, Table
from spanledger.live.story import NOWHERE, Story
from spanledger.pipeline.feed import Denied, Ended, Spent

CALL = Spent("plan", "success", "r", 0.5, 1305, 1_500_000, unpriced=False, estimated=False)
DONE = Ended("plan", "completed", "", 1.4, 1305, 1_500_000, 0)


def told(*events: Spent | Ended | Denied) -> tuple[Story, list[Line]]:
    story = Story()
    return story, [line for event in events for line in story.hear(event)]


def total(*events: Spent | Ended | Denied) -> str:
    found = [shown for shown in told(*events)[0].ending(9) if isinstance(shown, Line)]
    return found[0].text


def test_a_stage_says_what_it_took_used_and_cost() -> None:
    _, lines = told(CALL, DONE)
    assert lines == [Line("✓ plan 1.4 s | 1,305 tok | $0.0015", "good")]


def test_a_failed_stage_says_why() -> None:
    _, lines = told(DONE._replace(status="failed", error="openai.APITimeoutError", tokens=0, cost=0))
    assert lines == [Line("✗ plan 1.4 s | openai.APITimeoutError", "bad")]


def test_an_unpriced_stage_says_so() -> None:
    _, lines = told(DONE._replace(cost=0, unpriced=2))
    assert lines == [Line("✓ plan 1.4 s | 1,305 tok | 2 unpriced", "good")]


def test_a_refusal_is_told_once_and_counted() -> None:
    why = Denied("run/run", "r", "budget run/run refused the call: exhausted")
    story, lines = told(why, why, why)
    assert lines == [Line("✗ budget run/run refused the call: exhausted", "bad")]
    story.hear(CALL)
    assert story.ending(1)[-1] == Line("Budgets refused 3 attempts.", "bad")


def test_the_table_has_the_slowest_first_and_calls_where_they_were_made() -> None:
    inner = CALL._replace(stage="inner", cost=500_000)
    story, _ = told(
        inner,
        DONE._replace(stage="inner", seconds=0.5),
        CALL,
        DONE._replace(seconds=3.0),
        CALL._replace(stage=None, seconds=0.5),
    )
    table = story.ending(4.0)[0]
    assert isinstance(table, Table)
    assert [(row[0], row[2], row[3], row[6]) for row in table.rows] == [
        ("plan", "3.0 s", "75 %", "$0.0015"),
        (NOWHERE, "500 ms", "12 %", "$0.0015"),
        ("inner", "500 ms", "12 %", "$0.0005"),
    ]


def test_refused_calls_and_lost_attempts_are_no_calls_but_what_is_lost_costs() -> None:
    lost = CALL._replace(status="lost", tokens=0, cost=1_000_000, estimated=True)
    said = total(CALL, CALL._replace(status="refused", tokens=0, cost=None), lost)
    assert said == "Total: 9.0 s | 1 call | 1,305 tok | $0.0025 (provider usage; $0.001 of it estimated)"


def test_the_total_says_where_its_usage_is_from() -> None:
    guess = CALL._replace(estimated=True)
    assert total(CALL).endswith("$0.0015 (provider usage)")
    assert total(guess).endswith("$0.0015 (estimated)")
    assert total(CALL._replace(cost=None, unpriced=True)).endswith("1 unpriced (provider usage)")
    dark = CALL._replace(cost=None, unpriced=True, estimated=True)
    assert total(CALL, dark).endswith("$0.0015 + 1 unpriced (provider usage; 1 unpriced of it estimated)")
    assert total(CALL._replace(tokens=0, cost=None)).endswith("0 tok | $0.00 (no usage)")


def test_an_app_without_calls_is_told_in_a_line() -> None:
    assert Story().ending(2.0) == [Line("No call to a model was seen in 2.0 s.", "quiet")]
