"""Which spans enclose which, whose run it is, and what settled below each."""

from __future__ import annotations

import pytest

from spanledger.lineage import Booked, Facts, Lineage, Recent
from spanledger.usage import Usage

PAID = Facts("chat", "openai", usage=Usage(input=10, output=2), cost=7)


def test_a_call_settles_into_every_span_around_it() -> None:
    lineage = Lineage()
    lineage.opened(1, None, "run")
    lineage.opened(2, 1, None)
    lineage.opened(3, 2, None)
    call = lineage.closed(3)
    assert call is not None
    lineage.settle(call, PAID)
    found = [lineage.closed(span) for span in (2, 1)]
    assert [(n.cost, n.input, n.output) for n in found if n] == [(7, 10, 2), (7, 10, 2)]
    assert len(lineage) == 0


def test_a_call_settles_through_a_span_that_has_ended_before_it() -> None:
    lineage = Lineage()
    lineage.opened(1, None, None)
    lineage.opened(2, 1, None)
    lineage.opened(3, 2, None)
    lineage.closed(2)
    call = lineage.closed(3)
    assert call is not None
    lineage.settle(call, PAID)
    top = lineage.closed(1)
    assert top is not None
    assert top.cost == 7


def test_a_call_of_unknown_cost_settles_its_tokens() -> None:
    lineage = Lineage()
    lineage.opened(1, None, None)
    lineage.opened(2, 1, None)
    call = lineage.closed(2)
    assert call is not None
    lineage.settle(call, Facts("chat", "openai", usage=Usage(input=3)))
    top = lineage.open(1)
    assert top is not None
    assert (top.cost, top.input) == (0, 3)


def test_a_run_holds_for_all_spans_below_unless_one_begins_another() -> None:
    lineage = Lineage()
    lineage.opened(1, None, "outer")
    lineage.opened(2, 1, None)
    lineage.opened(3, 2, "inner")
    assert [lineage.run_of(span) for span in (1, 2, 3, 4)] == ["outer", "outer", "inner", None]


def test_spans_that_never_end_are_forgotten_oldest_first() -> None:
    lineage = Lineage(limit=3)
    for span in range(1, 6):
        lineage.opened(span, None, None)
    assert [lineage.open(span) is not None for span in range(1, 6)] == [False, False, True, True, True]


def test_facts_of_a_span_that_is_not_open_are_dropped() -> None:
    lineage = Lineage()
    lineage.metered(9, PAID)
    assert lineage.closed(9) is None


def test_a_child_process_knows_none_of_the_spans() -> None:
    lineage = Lineage()
    lineage.opened(1, None, None)
    lineage.forget()
    assert len(lineage) == 0


def booked(trace: int = 1, start: int = 0, end: int = 9, library: str = "library") -> Booked:
    return Booked(library, trace, Usage(input=10), start, end)


def test_as_many_calls_are_remembered_as_are_asked_for_and_at_most_twice_as_many() -> None:
    recent = Recent(limit=3)
    for number in range(8):
        recent.add(f"id-{number}", booked())
    known = [number for number in range(8) if recent.answered(f"id-{number}")]
    assert known == [3, 4, 5, 6, 7]


def test_calls_of_other_libraries_are_found_by_the_time_in_which_they_were_made() -> None:
    recent = Recent(limit=4)
    calls = (
        booked(start=3, end=4),
        booked(start=0, end=4),
        booked(trace=2, start=2, end=3),
        booked(start=1, end=5),
        booked(start=1, end=2),
        booked(start=1, end=2, library="asking"),
    )
    for key, call in enumerate(calls):
        recent.add(key, call)
    assert recent.during(1, 1, 4, apart_from="asking") == [booked(start=3, end=4), booked(start=1, end=2)]


def test_a_call_that_is_told_again_is_remembered_once_and_gives_way_all_the_same() -> None:
    recent = Recent(limit=3)
    for _ in range(2):
        recent.add("id", booked())
    assert recent.during(1, 0, 9, apart_from="asking") == [booked()]
    for _ in range(4):
        recent.add("id", booked(trace=2))
    assert recent.during(1, 0, 9, apart_from="asking") == []


class Moment(int):
    """A time that counts how often any is compared."""

    compared = 0

    def __lt__(self, other: int) -> bool:
        Moment.compared += 1
        return super().__lt__(other)

    def __le__(self, other: int) -> bool:
        Moment.compared += 1
        return super().__le__(other)

    def __gt__(self, other: int) -> bool:
        Moment.compared += 1
        return super().__gt__(other)


@pytest.mark.parametrize(("libraries", "took"), [(1, 10**6), (2, 1)], ids=["all at once", "one after the other"])
def test_a_call_of_a_long_trace_is_looked_for_as_quickly_as_one_of_a_short_trace(libraries: int, took: int) -> None:
    def comparisons(count: int) -> float:
        recent, Moment.compared = Recent(limit=count), 0
        for number in range(count):
            start, end = Moment(number), Moment(number + took)
            library = str(number % libraries)
            recent.during(1, start, end, apart_from=library)
            recent.add(number, booked(start=start, end=end, library=library))
        return Moment.compared / count

    assert comparisons(1000) < 50
    assert comparisons(4000) < comparisons(1000) + 10


def test_a_child_process_remembers_none_of_the_calls() -> None:
    lineage = Lineage()
    lineage.opened(1, None, None)
    lineage.opened(2, 1, None)
    lineage.claimed(2)
    lineage.recent.add("id", booked())
    top = lineage.open(1)
    assert top is not None
    assert lineage.around(top)
    lineage.forget()
    assert not lineage.around(top)
    assert lineage.recent.answered("id") is None
