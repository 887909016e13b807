"""What spanledger costs an app, beside what others cost. `make bench` runs it.

    python benchmarks/overhead.py                       everything, some ten minutes
    python benchmarks/overhead.py --only overhead       per call only, some four minutes
    python benchmarks/overhead.py --only ledger         ledgers of up to ten million calls, on 40 GB of disk
    python benchmarks/overhead.py --markdown            and write docs/benchmarks.md

Exit code 0, whether the goals hold or not; 2 if something could not be measured.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping

from bench import budgets, document, driver, memory, pricing, report, result, startup
from bench.contenders import BY_NAME, chosen
from bench.environments import ROOT, InstallError
from bench.ledgers import measuring as ledgers

PARTS = ("overhead", "memory", "start", "prices", "budgets", "ledger")
SIZES = (100_000, 1_000_000, 10_000_000)
CALLS = {"chat": 50, "stream": 15, "embeddings": 50}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/overhead.py", description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=PARTS, action="append", help="measure only this (may be repeated)")
    parser.add_argument("--contender", choices=list(BY_NAME), action="append", help="only this one (may be repeated)")
    parser.add_argument("--lives", type=int, default=8, help="processes of each contender, one after the other (8)")
    parser.add_argument("--rounds", type=int, default=12, help="rounds of calls in each of these lives (12)")
    parser.add_argument("--calls", type=int, default=20_000, help="calls over which memory is watched (20000)")
    parser.add_argument("--starts", type=int, default=7, help="fresh processes for each way to start (7)")
    parser.add_argument("--database", choices=ledgers.DATABASES, action="append", help="ledgers on this one only")
    parser.add_argument("--size", type=int, action="append", help="calls in a ledger (100000, 1000000, 10000000)")
    parser.add_argument("--at", action="append", help="URL of a ledger to measure: filled first if empty, and kept")
    parser.add_argument("--questions", type=int, default=300, help="how often each question is asked (300)")
    parser.add_argument("--markdown", action="store_true", help="write docs/benchmarks.md")
    return parser.parse_args()


def _progress(total: int) -> Iterator[None]:
    """Tells on standard error how far the rounds are."""
    began = time.monotonic()
    for done in range(1, total + 1):
        if sys.stderr.isatty() or done == total:
            end = "\n" if done == total else ""
            print(f"\rround {done} of {total}, {time.monotonic() - began:.0f} s", end=end, file=sys.stderr, flush=True)
        yield


def _overhead(options: argparse.Namespace) -> document.Section:
    progress = _progress(options.lives * options.rounds)
    found = []
    for _ in range(options.lives):
        with driver.Field(chosen(options.contender or [])) as field:
            if missing := {"bare", "sdk"} & field.absent.keys():
                raise driver.WorkerError("; ".join(f"{name} {field.absent[name]}" for name in sorted(missing)))
            found.append(driver.rounds(field, CALLS, options.rounds, progress))
    results = result.costs(found)
    tables = [report.overhead(results, field.workers, field.absent), report.clocks(results, field.workers)]
    notes = report.fairness(field.workers, field.absent)
    return document.Section("overhead", tables, notes, result.verdicts(results), "spanledger" in results)


def _memory(options: argparse.Namespace) -> document.Section:
    some = chosen(options.contender) if options.contender else [BY_NAME[n] for n in ("bare", "sdk", "spanledger")]
    found, absent = memory.measure(some, options.calls, warm_up=5_000)
    notes = [f"{BY_NAME[name].label}: {reason}." for name, reason in absent.items()]
    return document.Section("memory", [report.memory(found)], notes, report.memory_verdicts(found), not absent)


def _start(options: argparse.Namespace) -> document.Section:
    found = startup.measure(options.starts)
    return document.Section("start", [report.startup(found)], [], report.startup_verdicts(found), True)


def _budgets(_: argparse.Namespace) -> document.Section:
    found = budgets.measure()
    tables = [report.stores(found), report.crowds(budgets.crowds())]
    return document.Section("budgets", tables, [], budgets.verdicts(found), True)


def _prices(options: argparse.Namespace) -> document.Section:
    found = pricing.measure(options.starts)
    return document.Section("prices", [pricing.table(found)], [], pricing.verdicts(found), True)


def _ledger(options: argparse.Namespace) -> document.Section:
    found = []
    if options.size or not options.at:
        found += ledgers.measure(options.database or ledgers.DATABASES, options.size or SIZES, options.questions)
    found += [ledgers.measure_at(url, SIZES[-1], options.questions) for url in options.at or ()]
    return document.Section("ledger", ledgers.tables(found), [], ledgers.verdicts(found), True)


_MEASURES = {
    "overhead": _overhead,
    "memory": _memory,
    "start": _start,
    "prices": _prices,
    "budgets": _budgets,
    "ledger": _ledger,
}


def _listed(calls: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {report.TITLES[kind]}" for kind, number in calls.items())


def main() -> int:
    """Measure, print, write."""
    options = _arguments()
    sections = []
    for part in options.only or PARTS:
        try:
            section = _MEASURES[part](options)
        except (driver.WorkerError, InstallError) as error:
            section = document.Section(part, [], [f"could not be measured: {error}"], [], False)
        print("\n" + "\n".join(section.plain()))
        sections.append(section)
    if options.markdown:
        words = {
            "calls": _listed(CALLS),
            "mix": _listed(memory.MIX),
            "rounds": str(options.rounds),
            "lives": str(options.lives),
            "questions": str(options.questions),
        }
        document.write(ROOT / "docs" / "benchmarks.md", sections, words)
        print(f"\nwritten: {ROOT / 'docs' / 'benchmarks.md'}")
    return 0 if all(section.measured for section in sections) else 2


if __name__ == "__main__":
    sys.exit(main())
