"""How much the memory of a process grows over many calls, once it is warm."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from bench.contenders import Contender
from bench.driver import WorkerError, alone

#: A thousand calls, as an app may mix them.
MIX = {"chat": 800, "stream": 100, "embeddings": 100}
BLOCK = sum(MIX.values())
#: Bytes per call; no Python object is so small, so a call that leaves anything behind leaves more.
NOTHING = 8


@dataclass(frozen=True, slots=True)
class Growth:
    """Resident memory of a contender after a warm-up, and after `calls` further calls, in bytes.

    `trend` is bytes per call: the median over blocks of a thousand calls, because the allocator takes memory in steps
    of a mebibyte and one such step is no trend.
    """

    contender: str
    began: int
    grown: int
    trend: float
    calls: int


def measure(contenders: Sequence[Contender], calls: int, warm_up: int) -> tuple[list[Growth], dict[str, str]]:
    """The growth of each contender, and why some have none."""
    found, absent = [], {}
    for contender in contenders:
        try:
            found.append(_growth(contender, max(1, calls // BLOCK), warm_up // BLOCK))
        except WorkerError as error:
            absent[contender.name] = str(error)
    return found, absent


def _growth(contender: Contender, blocks: int, warm_up: int) -> Growth:
    readings: list[float] = []
    with alone(contender) as worker:
        for _ in range(warm_up + blocks):
            for kind, calls in MIX.items():
                worker.ask(kind, calls)
            readings.append(worker.ask("rss")["rss"])
    counted = readings[max(0, warm_up - 1) :]
    steps = [after - before for before, after in pairwise(counted)]
    trend = statistics.median(steps) / BLOCK
    return Growth(contender.name, int(counted[0]), int(counted[-1] - counted[0]), trend, blocks * BLOCK)
