"""What prices cost: CPU of the first one in a fresh process, and of every one after it."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
import timeit
from dataclasses import dataclass

from bench import report
from bench.result import Verdict
from spanledger.pricing import PriceBook
from spanledger.usage import Units, Usage

#: Seconds: a first price with its tables, and each one after it.
FIRST_GOAL, WARM_GOAL = 0.050, 1e-6

_FIRST = """\
import time
from opentelemetry.sdk.trace import TracerProvider
from spanledger.pricing import PriceBook
from spanledger.usage import Usage
began = time.process_time()
PriceBook().price(Usage(input=1000, output=500), provider="openai", model={model!r})
print(time.process_time() - began)
"""
_WARM = {
    "text": ("gpt-4.1-nano", Usage(input=2_000, output=300, cache_read=1_024, reasoning=100)),
    "text, dated prices": ("gpt-4o-mini", Usage(input=2_000, output=300)),
    "audio": ("gpt-4o-mini-audio-preview", Usage(input=2_000, output=300, input_audio=500, output_audio=100)),
    "tools": ("gpt-4.1-nano", Usage(input=2_000, output=300, web_searches=1, units=Units(file_searches=1))),
    "unknown model": ("house-model", Usage(input=2_000, output=300)),
}
_CALLS = 20_000


@dataclass(frozen=True, slots=True)
class Prices:
    """Seconds of CPU: the median of first prices, and the fastest repeat of warm ones, by kind of call."""

    first: float
    warm: dict[str, float]


def measure(starts: int) -> Prices:
    """Measure both; `starts` is how many fresh processes the first price is taken in."""
    firsts = [_first("gpt-4o-mini") for _ in range(starts)]
    return Prices(statistics.median(firsts), {kind: _warm(*call) for kind, call in _WARM.items()})


def _first(model: str) -> float:
    done = subprocess.run(
        [sys.executable, "-c", _FIRST.format(model=model)], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def _warm(model: str, usage: Usage) -> float:
    book = PriceBook()
    repeats = timeit.repeat(
        lambda: book.price(usage, provider="openai", model=model), timer=time.process_time, number=_CALLS, repeat=9
    )  # fmt: skip
    return min(repeats) / _CALLS


def table(found: Prices) -> list[str]:
    """Both, as a markdown table."""
    rows = [["first price of a process", f"{found.first * 1e3:.1f} ms"]]
    rows += [[f"each price after it: {kind}", f"{seconds * 1e6:.2f} µs"] for kind, seconds in found.warm.items()]
    return report.table(["price", "CPU"], rows)


def verdicts(found: Prices) -> list[Verdict]:
    """Whether the goals hold."""
    text = found.warm["text"]
    return [
        Verdict("first price in at most 50 ms", f"{found.first * 1e3:.1f} ms", found.first <= FIRST_GOAL),
        Verdict("each price of text after it in at most 1 µs", f"{text * 1e6:.2f} µs", text <= WARM_GOAL),
    ]
