"""Ledgers of several sizes on SQLite and PostgreSQL: questions to them, and calls taken in on one core."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, select
from tests.support.postgres import postgres

from bench import report
from bench.ledgers.asking import Timed, ask, ask_service
from bench.ledgers.filling import fill, live
from bench.ledgers.sending import Sent, send
from bench.result import Verdict
from spanledger.ledger import Recorder, database, schema
from spanledger.ledger.migrate import migrate
from spanledger.ledger.outbox import SUFFIX

DATABASES = ("sqlite", "postgresql")
#: Milliseconds in which 99 of 100 answers have to come, and spans that have to be taken in each second.
GOAL_MS, GOAL_SPANS = 50, 5000
#: Where files are in memory.
_MEMORY = "/dev/shm/"
#: Spans that are taken in to measure how long that takes.
_TAKEN = 40_000


@dataclass(frozen=True, slots=True)
class Ledger:
    """What was measured on one ledger. `taken` and `waited` are seconds of CPU, and of time, for each span taken in.

    `memory`: its file is kept in memory, as that of a ledger much asked is by the operating system.
    """

    database: str
    calls: int
    memory: bool
    bytes_each: float
    endpoints: tuple[Timed, ...]
    answers: tuple[Timed, ...]
    taken: float
    waited: float
    sent: tuple[Sent, ...]

    @property
    def size(self) -> str:
        """How many calls, and where, if that is not a disk."""
        return f"{self.calls / 1e6:g} million calls{', in memory' if self.memory else ''}"


def measure(databases: Sequence[str], sizes: Sequence[int], times: int) -> list[Ledger]:
    """Each database with each number of calls, each question asked so many times."""
    found = []
    for kind in databases:
        for calls in sizes:
            with tempfile.TemporaryDirectory(prefix="spanledger-bench-") as folder, _empty(kind, Path(folder)) as url:
                found.append(_measured(url, kind, calls, times, Path(folder)))
    return found


@contextmanager
def _empty(kind: str, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite://{folder}/calls.sqlite"
        return
    with postgres() as url:
        yield url


def measure_at(url: str, calls: int, times: int) -> Ledger:
    """The ledger of a URL with so many calls, filled now or by an earlier run. It stays."""
    with tempfile.TemporaryDirectory(prefix="spanledger-bench-") as folder:
        return _measured(url, database.parsed(url).get_backend_name(), calls, times, Path(folder))


def _measured(url: str, kind: str, calls: int, times: int, folder: Path) -> Ledger:
    engine = database.engine(url, kept=4)
    migrate(engine)
    with engine.connect() as connection:
        empty = connection.scalar(select(schema.calls.c.id).limit(1)) is None
    if empty:
        began = time.monotonic()
        fill(engine, calls)
        print(f"{kind}: {calls} calls after {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    endpoints, answers = tuple(ask_service(engine, times)), tuple(ask(engine, times))
    room = _room(engine)
    engine.dispose()
    at = int(time.time()) // 60 * 60  # they come live: no minute of them is closed yet
    taken, waited = _take(url, folder, at)
    return Ledger(
        kind, calls, _MEMORY in url, room / calls, endpoints, answers, taken, waited, tuple(send(url, folder, at + 60))
    )


def _room(engine: Engine) -> int:
    size = "SELECT pg_database_size(current_database())"
    if engine.dialect.name == "sqlite":
        size = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
    with engine.connect() as connection:
        return int(connection.exec_driver_sql(size).scalar_one())


def _take(url: str, folder: Path, at: int) -> tuple[float, float]:
    """What a dead process left in its outbox is brought to the database: all of the way that a call's entry goes."""
    outbox = folder / "outbox"
    outbox.mkdir()
    (outbox / f"1-left{SUFFIX}").write_bytes(b"".join(entry.line() for entry in live(_TAKEN, at)))
    recorder = Recorder(outbox, lambda: database.Sink(database.engine(url)))
    began, cpu = time.monotonic(), time.process_time()
    recorder.recover_now()
    found = (time.process_time() - cpu) / _TAKEN, (time.monotonic() - began) / _TAKEN
    recorder.close()
    return found


def tables(found: Sequence[Ledger]) -> list[list[str]]:
    """Answers by database, with a column for each size; and what taking in costs."""
    kinds = dict.fromkeys(one.database for one in found)
    return [
        *(_answers([one for one in found if one.database == kind]) for kind in kinds),
        _taking(found),
        _sending(found),
    ]


def _answers(found: Sequence[Ledger]) -> list[str]:
    head = [f"{found[0].database}, ms: p50 / p99 / most", *(one.size for one in found)]
    by_question = zip(*((*one.endpoints, *one.answers) for one in found), strict=True)
    rows = [
        [same[0].question, *(f"{one.at(0.5):.1f} / {one.at(0.99):.1f} / {one.at(1):.1f}" for one in same)]
        for same in by_question
    ]
    return report.table(head, rows)


def _taking(found: Sequence[Ledger]) -> list[str]:
    rows = [
        [
            f"{one.database}, {one.size}",
            f"{one.taken * 1e6:.0f}",
            f"{1 / one.taken:,.0f}",
            f"{1 / one.waited:,.0f}",
            f"{one.bytes_each:,.0f}",
        ]
        for one in found
    ]
    head = ["taking in", "µs of CPU a span", "spans a second of CPU", "spans a second, as it was", "bytes a call"]
    return report.table(head, rows)


def _sending(found: Sequence[Ledger]) -> list[str]:
    rows = [
        [
            f"{sent.kind} spans, {one.database}, {one.size}",
            f"{sent.read * 1e6:.0f}",
            f"{sent.taken * 1e6:.0f}",
            f"{1 / sent.taken:,.0f}",
            f"{1 / sent.waited:,.0f}",
        ]
        for one in found
        for sent in one.sent
    ]
    reading, all_of_it = "µs of CPU a span, reading alone", "µs of CPU a span"
    head = ["taking in over OTLP/HTTP", reading, all_of_it, "spans a second of CPU", "spans a second, as it was"]
    return report.table(head, rows)


def verdicts(found: Sequence[Ledger]) -> list[Verdict]:
    """Whether the goals hold, for the largest ledger of each database."""
    largest = {one.database: one for one in sorted(found, key=lambda one: one.calls)}
    goals = []
    for kind, one in largest.items():
        slowest = max(one.endpoints, key=lambda timed: timed.at(0.99))
        most, what = slowest.at(0.99), f"of {one.size} on {kind}"
        goal = f"every endpoint of metrics {what} answers in at most {GOAL_MS} ms, 99 times of 100"
        goals.append(Verdict(goal, f"{most:.0f} ms ({slowest.question})", most <= GOAL_MS))
        paces = {f"{GOAL_SPANS:,} calls a second {what}": one.taken}
        paces |= {f"{GOAL_SPANS:,} {sent.kind} spans a second {what}, over OTLP": sent.taken for sent in one.sent}
        goals += [Verdict(goal, f"{1 / taken:,.0f}", 1 / taken >= GOAL_SPANS) for goal, taken in paces.items()]
    return goals
