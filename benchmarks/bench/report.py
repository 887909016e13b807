"""The results as tables, for the terminal and for docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.budgets import Crowd, Store5
from bench.contenders import ALL, BY_NAME, Contender, is_bare
from bench.driver import Worker
from bench.memory import NOTHING, Growth
from bench.result import Costs, Verdict
from bench.startup import Start
from bench.subjects import KINDS

Row = Sequence[str]
#: Seconds that import and set-up may take beyond openai's own import.
START_GOAL = 0.4
TITLES = {"chat": "chat", "stream": "50-chunk stream", "embeddings": "embeddings"}
_MIB = 1024 * 1024


def table(head: Row, rows: Sequence[Row]) -> list[str]:
    """A markdown table that reads well in a terminal too: first column left, all others right."""
    widths = [max(len(row[n]) for row in (head, *rows)) for n in range(len(head))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]

    def line(row: Row) -> str:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        return f"| {' | '.join(cells)} |"

    return [line(head), line(rule), *(line(row) for row in rows)]


def label(contender: Contender, worker: Worker | None) -> str:
    """Name and version."""
    return f"{contender.label} {worker.hello['version']}" if worker else contender.label


def _attributes(worker: Worker) -> str:
    proof = worker.hello["proof"]
    return str(proof["chat"]["attributes"]) if proof else ""


def overhead(results: Costs, workers: Mapping[str, Worker], absent: Mapping[str, str]) -> list[str]:
    """Ratio to the bare SDK span and microseconds of thread CPU, for every contender that adds something."""
    head = ["per call, beyond the bare client", *(f"{TITLES[k]}, x SDK span" for k in KINDS)]
    head += [*(f"{TITLES[k]}, µs" for k in KINDS), "attributes on a chat span"]
    rows = []
    for contender in ALL:
        if contender.name in absent:
            rows.append([contender.label, *["does not take part"] * 3, *[""] * 4])
        elif contender.name in results and not is_bare(contender.name):
            cost = results[contender.name]
            ratios = [f"{cost[kind].ratio or 0:.1f}" for kind in KINDS]
            worker = workers[contender.name]
            times = [f"{cost[kind].thread:.0f}" for kind in KINDS]
            rows.append([label(contender, worker), *ratios, *times, _attributes(worker)])
    return table(head, rows)


def clocks(results: Costs, workers: Mapping[str, Worker]) -> list[str]:
    """CPU of the whole process, so that nothing is hidden in other threads; and medians over all rounds."""
    head = ["per call, µs of CPU", *(f"{TITLES[k]}, all threads" for k in KINDS)]
    head += [f"{TITLES[k]}, median of all rounds" for k in KINDS]
    rows = []
    for name, cost in results.items():
        what = "all of it" if is_bare(name) else "beyond the bare client"
        numbers = [*(cost[kind].process for kind in KINDS), *(cost[kind].median for kind in KINDS)]
        rows.append([f"{label(BY_NAME[name], workers[name])}, {what}", *(f"{number:.0f}" for number in numbers)])
    return table(head, rows)


def fairness(workers: Mapping[str, Worker], absent: Mapping[str, str]) -> list[str]:
    """What is to be known of single contenders: who is missing and why, who put content on spans all the same."""
    found = [f"{BY_NAME[name].label} {reason}." for name, reason in absent.items()]
    for name, worker in workers.items():
        proof = worker.hello["proof"]
        if any(kind["content"] for kind in proof.values()):
            found.append(f"{BY_NAME[name].label} put prompts or answers on its spans all the same.")
        if not is_bare(name) and not all(kind["spans"] for kind in proof.values()):
            missing = ", ".join(kind for kind in proof if not proof[kind]["spans"])
            found.append(f"{BY_NAME[name].label} made no span for: {missing}.")
    return found


def goals(found: Sequence[Verdict]) -> list[str]:
    """One line for each goal."""
    return [f"{'holds ' if one.holds else 'MISSED'}  {one.goal}: {one.found}" for one in found]


def memory(found: Sequence[Growth]) -> list[str]:
    """Growth of resident memory."""
    head = ["resident memory", "after warm-up, MiB", "growth, MiB", "trend, bytes per call", "over calls"]
    rows = []
    for one in found:
        sizes = f"{one.began / _MIB:.1f}", f"{one.grown / _MIB:+.2f}"
        rows.append([BY_NAME[one.contender].label, *sizes, f"{one.trend:+.1f}", f"{one.calls:,}"])
    return table(head, rows)


def memory_verdicts(found: Sequence[Growth]) -> list[Verdict]:
    """Whether spanledger's memory stays as it is."""
    return [
        Verdict(
            f"memory does not grow over {one.calls:,} calls", f"{one.trend:+.1f} bytes per call", one.trend < NOTHING
        )
        for one in found
        if one.contender == "spanledger"
    ]


def startup(found: Sequence[Start]) -> list[str]:
    """Seconds to start."""
    head = ["start, beyond `import openai`", "environment", "wall, s", "CPU, s", "first call, CPU s", "unused modules"]
    rows = []
    for one in found:
        first = "" if one.first is None else f"{one.first:.2f}"
        rows.append([one.how, one.where, f"{one.wall:.2f}", f"{one.cpu:.2f}", first, str(len(one.imported))])
    return table(head, rows)


def startup_verdicts(found: Sequence[Start]) -> list[Verdict]:
    """Whether import and set-up are quick, and leave alone what the app does not use."""
    verdicts = []
    for one in found:
        if "init() with OTLP" in one.how:
            goal = f"import and init within {START_GOAL} s ({one.where})"
            verdicts.append(Verdict(goal, f"{one.wall:.2f} s, CPU {one.cpu:.2f} s", one.wall <= START_GOAL))
    for where in dict.fromkeys(one.where for one in found):
        modules = {module for one in found if one.where == where and one.ours for module in one.imported}
        tops = ", ".join(sorted({module.partition(".")[0] for module in modules}))
        verdicts.append(Verdict(f"no module of an unused framework ({where})", tops or "none", not modules))
    return verdicts


def stores(found: Sequence[Store5]) -> list[str]:
    """Microseconds of each store."""
    head = ["budgets, µs of CPU over 5 counters", "reserve", "settle", "both", "refusal"]
    rows = [
        [one.name, *(f"{number:.1f}" for number in (one.reserve, one.settle, one.reserve + one.settle, one.refusal))]
        for one in found
    ]
    return table(head, rows)


def crowds(found: Sequence[Crowd]) -> list[str]:
    """The contention curve."""
    head = ["one store, 5 counters", "calls per second, all", "reserve, median ms", "reserve, 99th percentile ms"]
    rows = [
        [
            f"{one.store}, {one.processes} processes, {_pace(one)}",
            f"{one.calls:,.0f}",
            f"{one.median:.2f}",
            f"{one.worst:.2f}",
        ]
        for one in found
    ]
    return table(head, rows)


def _pace(crowd: Crowd) -> str:
    return f"calls of {crowd.pause * 1e3:.0f} ms" if crowd.pause else "no pause"
