"""Plays cases against a runtime of spanledger, in this process, and judges what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import Tracer

from conformance.cases import Case
from conformance.judging import judge
from conformance.playing import Outcome, Played, by_trace, play
from conformance.report import Report
from conformance.server import serve
from spanledger.errors import Contained
from spanledger.lineage import Lineage

#: The name of the tracer whose spans the cases are played in.
SCOPE = "conformance"
#: Seconds that spans get to end once all cases have been played.
_PATIENCE = 10.0

#: Switches spanledger on for a while; gives a tracer and what is still under way, and returns the spans afterwards.
Switch = Callable[[], AbstractContextManager["Running"]]


class Running:
    """A runtime of spanledger that is switched on."""

    def __init__(self, tracer: Tracer, lineage: Lineage, finished: Callable[[], Sequence[ReadableSpan]]) -> None:
        self.tracer = tracer
        self._lineage = lineage
        self._finished = finished

    def spans(self) -> Sequence[ReadableSpan]:
        """All spans, once nothing is under way any more."""
        deadline = time.monotonic() + _PATIENCE
        while len(self._lineage) and time.monotonic() < deadline:
            time.sleep(0.01)
        return self._finished()


def run(cases: Sequence[Case], switch: Switch) -> Report:
    """Play the cases bare, then with spanledger on, and judge them."""
    with serve(cases) as replay:
        bare = play(cases, replay)
        unplayable = {case.id: why for case in cases if (why := _unlike_recorded(case, bare[case.id]))}
        playable = [case for case in cases if case.id not in unplayable]
        Contained.counts.clear()
        with switch() as running:
            metered = play(playable, replay, running.tracer)
            spans = running.spans()
    problems = [f"spanledger failed {count} times: {what}" for what, count in Contained.counts.items()]
    outcome = Outcome(bare, metered, by_trace(spans, SCOPE))
    known = {played.trace for played in metered.values()}
    if astray := outcome.spans.keys() - known:
        problems.append(f"{len(astray)} traces belong to no case")
    return Report([judge(case, outcome) for case in playable], problems, unplayable)


def _unlike_recorded(case: Case, bare: Played) -> str:
    """How the bare client ends otherwise than the recorded one: such a case says nothing about spanledger."""
    status, error = case.response.status, bare.seen.get("error")
    if status >= 400:
        return (
            "" if error and error.get("status_code") == status else f"HTTP {status} became {error and error['class']}"
        )
    return f"{error['class']}: {error['message'][:100]}" if error else ""
