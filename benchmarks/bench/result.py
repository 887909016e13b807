"""From rounds to results: what each contender adds to the bare client, and whether spanledger's goals hold."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.contenders import BY_NAME, is_bare
from bench.driver import Rounds
from bench.subjects import KINDS

#: For spanledger with everything on: microseconds of thread CPU per call, and times the bare SDK span.
GOALS: Mapping[str, tuple[float, float]] = {"chat": (150, 2.0), "stream": (250, 2.7), "embeddings": (120, 1.8)}
#: Of the rounds, the share that counts as undisturbed.
QUIET = 5


@dataclass(frozen=True, slots=True)
class Cost:
    """What one kind of call costs a contender: microseconds of CPU per call beyond the bare client.

    For a bare client itself: all that the call takes. `thread` and `process` are of undisturbed rounds, `median` is
    `thread` over all rounds. `ratio` is `thread` to that of the bare SDK span, None for the bare clients.
    """

    thread: float
    median: float
    process: float
    ratio: float | None


#: By contender and kind of call.
Costs = dict[str, dict[str, Cost]]


def undisturbed(values: Sequence[float]) -> float:
    """The median of the fastest fifth: whatever else a machine does only ever adds to the CPU time of a round."""
    return statistics.median(sorted(values)[: max(1, len(values) // QUIET)])


def _cost(found: Rounds, name: str, kind: str) -> Cost:
    own, bare = found[name][kind], found[BY_NAME[name].baseline][kind]
    if is_bare(name):
        return Cost(undisturbed(own["thread"]), statistics.median(own["thread"]), undisturbed(own["process"]), None)
    thread = undisturbed(own["thread"]) - undisturbed(bare["thread"])
    process = undisturbed(own["process"]) - undisturbed(bare["process"])
    median = statistics.median(a - b for a, b in zip(own["thread"], bare["thread"], strict=True))
    sdk = undisturbed(found["sdk"][kind]["thread"]) - undisturbed(found["bare"][kind]["thread"])
    return Cost(thread, median, process, thread / sdk)


def costs(found: Rounds) -> Costs:
    """What each contender costs."""
    return {name: {kind: _cost(found, name, kind) for kind in KINDS} for name in found}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a goal holds, in words."""

    goal: str
    found: str
    holds: bool


def verdicts(results: Costs) -> list[Verdict]:
    """The goals for overhead per call; none if spanledger did not take part."""
    found = []
    for kind, cost in results.get("spanledger", {}).items():
        limit, times = GOALS[kind]
        ratio = cost.ratio or 0.0
        found.append(Verdict(f"{kind} at most {times} times the bare SDK span", f"{ratio:.2f} times", ratio <= times))
        found.append(Verdict(f"{kind} at most {limit} µs of thread CPU", f"{cost.thread:.0f} µs", cost.thread <= limit))
    return found
