"""What is printed and what is written to docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.report import goals
from bench.result import Verdict

_TITLES = {
    "overhead": "Overhead per call",
    "memory": "Memory",
    "start": "Start",
    "prices": "Prices",
    "budgets": "Budgets",
    "ledger": "Questions to the call ledger",
}
_METHOD = {
    "overhead": """\
Each contender runs in a process and a virtual environment of its own (`benchmarks/requirements/`), all on the same
Python and, OpenLIT apart, on the same openai client; OpenLIT does not admit openai 3 and is compared with the client 2
that it admits, bare. A transport inside the process answers at once with streams that are read piece by piece, so no
socket is part of it. A driver hands out rounds of {calls} in turn, A B C D A B C D, {rounds} times; then all processes
are started anew, {lives} times, because the luck of its memory layout makes one process slower than the next by more
than what is measured. Of the CPU time of the calling thread the median of the fastest fifth of the rounds of each life
is taken, because whatever else a machine does only adds to it; of these the median over the lives, less that of the
bare client, is the overhead. (The second table has the plain medians over all rounds, of differences within a round:
where they are much higher, the machine was busy.) "SDK span" is the least that tracing
costs: one CLIENT span of a dozen attributes around the call, through a batch processor. All exporters take everything
and send nothing; peers only trace, as their documentation sets them up, with content capture off; spanledger does all
that it does by default: its chain of processors, redaction, prices and metrics. On the stream spanledger alone asks
for usage, so it gets one chunk more and takes it out again. "All threads" is the CPU time of the process, where the
work that waits for a batch or for a collection of metrics is made to happen within its round: for metrics that is
far more often than the once a minute of an app.""",
    "memory": """\
Resident memory of a process that does {mix}, over and over, read after every thousand calls with everything flushed
and collected, from 5,000 calls of warm-up on. The allocator takes memory in steps of a mebibyte, so the goal is judged
by the trend: the median growth from one reading to the next.""",
    "start": """\
Each in fresh processes, medians: import and set-up after `import openai`. "First call" is the CPU time of the first
chat call beyond the second's: what is put off until then, such as loading the price table. "Unused modules" are
modules of frameworks that are installed, that the app does not import, and that it got all the same. The last row of an
environment is the whole process of an app that imports openai, beyond the same process without
`opentelemetry-instrument`: a second interpreter start is part of it.""",
    "budgets": """\
What the store of budget counters adds to a call that five budgets apply to, each with a hard limit and a warning: a
hold on all five before the call, and its settlement after it. CPU time of the thread, the median of the fastest fifth
of rounds that take turns; the CPU time of a Redis server comes on top, some 0.2 ms for both. Then so many processes at
once on one SQLite file or one Redis, each reserving and settling without end, and again with the 20 ms between the two
that a quick model takes; wall time, so it knows how many cores there are.""",
    "ledger": """\
Thirteen weeks of calls of forty tenants to twelve models in twenty stages, as uneven as in life: the ledger writes the
first week, the database copies it. Endpoints are asked over the whole of the service but its socket, other questions
over one connection; each {questions} times and never twice: windows from five minutes to ninety days, all orders of
magnitude alike, none to two filters, any grouping. Nothing keeps answers; SQLite and PostgreSQL are as they come. Time
is that of the clock. Files are on disk where nothing else is said, and what a machine does not keep of them in memory
is read from there: `--at` measures a ledger wherever it lies. Calls are taken in from an outbox, the
whole way that a call's entry goes, 5,000 of them in each second of theirs; CPU is that of our process. Then as many
come as spans, to `spanledger serve` in a process of its own and as a collector sends them: 4,000 in a gzipped request,
one after the other, made before from spans that our instrumentation and OpenLLMetry's really exported (no budgets, as
with the others). CPU is all that this process has had until the last answer; reading alone is unpacking and
translating, measured without the service and its database.""",
    "prices": """\
The first price is that of a fresh process with the SDK imported: reading the table and compiling one model, median CPU
time. Later ones are the fastest of nine repeats of 20,000 look-ups with the cost of a call, in one process.""",
}


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the measurements. `measured` is False if something that belongs to it could not be."""

    part: str
    tables: list[list[str]]
    notes: list[str]
    verdicts: list[Verdict]
    measured: bool

    def plain(self) -> Iterator[str]:
        """For the terminal."""
        yield _TITLES[self.part]
        for lines in self.tables:
            yield ""
            yield from lines
        for lines in (self.notes, goals(self.verdicts)):
            if lines:
                yield ""
                yield from lines


def machine() -> str:
    """What the numbers were measured on."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{cores} cores ({platform.machine()}), {platform.python_implementation()} {platform.python_version()}"


def _markdown(section: Section, words: dict[str, str]) -> Iterator[str]:
    for lines in section.tables:
        yield ""
        yield from lines
    if section.notes:
        yield ""
        yield from (f"- {note}" for note in section.notes)
    if section.verdicts:
        yield ""
        yield from table_of(section.verdicts)
    yield ""
    yield _METHOD[section.part].format(**words)
    yield ""


def table_of(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """The goals as a markdown table."""
    yield "| goal | found | |"
    yield "|---|---|---|"
    yield from (f"| {one.goal} | {one.found} | {'holds' if one.holds else '**missed**'} |" for one in verdicts)


def write(path: Path, sections: Sequence[Section], words: dict[str, str]) -> None:
    """Write the page. Sections that were not measured this time stay as they are, each with its date."""
    there = dict(_sections(path.read_text("utf-8"))) if path.exists() else {}
    measured = f"Measured on {datetime.now(UTC):%Y-%m-%d}: {machine()}."
    there |= {_TITLES[one.part]: "\n".join([measured, *_markdown(one, words)]).rstrip() for one in sections}
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench ARGS=--markdown` (`python benchmarks/overhead.py --markdown`). Microseconds depend on",
        "the machine; the ratios to the bare SDK span of the same run much less.",
    ]
    for title in _TITLES.values():
        if title in there:
            lines += ["", f"## {title}", "", there[title]]
    path.write_text("\n".join(lines) + "\n", "utf-8")


def _sections(page: str) -> Iterator[tuple[str, str]]:
    """The titles of a page's sections, and what they say."""
    for section in page.split("\n## ")[1:]:
        title, _, said = section.partition("\n")
        yield title, said.strip()
