"""`make conformance`: play a set of recordings, print what is right and what is not.

Exit code 0 if everything is right, 1 if something is not, 2 if it could not be told.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import spanledger
from conformance import hidden
from conformance.cases import HANDMADE, Case, load, read_ids
from conformance.running import SCOPE, Running, run
from conformance.strata import strata
from spanledger.pipeline.runtime import Runtime

#: Variables that steer a client or telemetry; whatever they are set to, they have no say here.
_STEERING = ("OTEL_", "SPANLEDGER_", "COST_", "OPENAI_", "ANTHROPIC_", "AZURE_", "TRACELOOP_")
_OURS = {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none", "SPANLEDGER_STORE": "memory:"}


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make conformance", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--corpus", type=Path, default=HANDMADE, metavar="DIR", help="the set (default: the hand-made one)"
    )
    parser.add_argument(
        "--only-ids", type=Path, metavar="FILE", help="only these cases: a JSON list, or ids one a line"
    )
    parser.add_argument("--strata", metavar="TEXT", help="only the cases of strata whose name holds this")
    parser.add_argument("--limit", type=int, metavar="N", help="N cases at most, spread evenly over the set")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there")
    return parser.parse_args(given)


def chosen(cases: Sequence[Case], options: argparse.Namespace) -> list[Case]:
    """The cases that are to be played."""
    wanted = read_ids(options.only_ids) if options.only_ids else None
    found = [case for case in cases if wanted is None or case.id in wanted]
    if options.strata:
        found = [case for case in found if any(options.strata in name for name in strata(case))]
    if options.limit and options.limit < len(found):
        found = [found[at * len(found) // options.limit] for at in range(options.limit)]
    return found


@contextmanager
def _switched_on() -> Iterator[Running]:
    """As in an app that calls `spanledger.init()`, with the spans kept here."""
    runtime, exporter = spanledger.init(), InMemorySpanExporter()
    runtime.export.join(exporter)
    try:
        yield Running(trace.get_tracer(SCOPE), runtime.lineage, lambda: _all(runtime, exporter))
    finally:
        runtime.shutdown()


def _all(runtime: Runtime, exporter: InMemorySpanExporter) -> Sequence[ReadableSpan]:
    runtime.export.force_flush()
    return exporter.get_finished_spans()


def main(given: Sequence[str] | None = None) -> int:
    """Run it."""
    options = _arguments(given)
    try:
        cases = chosen(load(options.corpus), options)
    except (OSError, KeyError, ValueError) as error:
        sys.stderr.write(f"cannot read {options.corpus}: {error!r}\n")
        return 2
    if not cases:
        sys.stderr.write("no case to play\n")
        return 2
    for name in [name for name in os.environ if name.startswith(_STEERING)]:
        del os.environ[name]
    os.environ.update(_OURS)
    report = run(cases, _switched_on)
    found = [] if options.corpus == HANDMADE else hidden.guesses(cases)  # its usage is invented
    sys.stdout.write(f"{hidden.text(found)}\n\n{report.text()}\n" if found else f"{report.text()}\n")
    if options.json:
        estimates = {guess.case: [guess.output, guess.estimated] for guess in found}
        options.json.write_text(json.dumps({**report.json(), "estimates": estimates}, indent=1))
    return 0 if report.passed else 1
