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


class _Lives:
    """The rounds of all lives of the processes. One process is by luck of its memory layout slower than the next."""

    def __init__(self, lives: Sequence[Rounds]) -> None:
        self._lives = lives

    def typical(self, name: str, kind: str, clock: str) -> float:
        """Microseconds per call in undisturbed rounds: the median over the lives."""
        return statistics.median(undisturbed(life[name][kind][clock]) for life in self._lives)

    def difference(self, name: str, baseline: str, kind: str) -> float:
        """Thread time beyond a baseline's in the same round: the median over all rounds of all lives."""
        pairs = (zip(life[name][kind]["thread"], life[baseline][kind]["thread"], strict=True) for life in self._lives)
        return statistics.median(own - other for pair in pairs for own, other in pair)

    def cost(self, name: str, kind: str) -> Cost:
        """What a contender costs."""
        thread, process = (self.typical(name, kind, clock) for clock in ("thread", "process"))
        if is_bare(name):
            median = statistics.median(value for life in self._lives for value in life[name][kind]["thread"])
            return Cost(thread, median, process, None)
        bare = BY_NAME[name].baseline
        thread -= self.typical(bare, kind, "thread")
        process -= self.typical(bare, kind, "process")
        sdk = self.typical("sdk", kind, "thread") - self.typical("bare", kind, "thread")
        return Cost(thread, self.difference(name, bare, kind), process, thread / sdk)


def costs(found: Sequence[Rounds]) -> Costs:
    """What each contender costs that took part in every life."""
    lives = _Lives(found)
    names = [name for name in found[0] if all(name in life for life in found)]
    return {name: {kind: lives.cost(name, kind) for kind in KINDS} for name in names}


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
