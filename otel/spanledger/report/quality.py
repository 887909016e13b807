"""How operations went, and what evaluations said: the tables of quality."""

from __future__ import annotations

from spanledger.ledger.questions import caches, queries
from spanledger.report import facts
from spanledger.report.model import Cell, Column, Table
from spanledger.report.reading import UNREAD, Reading


def reliability(reading: Reading) -> tuple[Table, ...]:
    """By operation: failures, latencies, and how answers were."""
    window = reading.period.window
    found = queries.operations(reading.connection, window, reading.only, limit=1000)
    how = None if reading.singles is None else reading.singles.answers
    columns = (
        Column("operation", "Operation"),
        Column("calls", "Calls", "count"),
        Column("error_rate", "Failed", "share"),
        Column("timeouts", "Timeouts", "count"),
        Column("refused", "Refused", "count"),
        Column("mean_ms", "Average", "ms"),
        Column("p50_ms", "p50", "ms"),
        Column("p95_ms", "p95", "ms"),
        Column("p99_ms", "p99", "ms"),
        Column("schema_valid_rate", "Kept its schema", "share"),
        Column("cut_off_rate", "Cut off", "share"),
        Column("estimated", "Usage estimated", "count"),
        Column("suspect", "Usage suspect", "count"),
    )
    rows = []
    for one in found:
        sums, took = one.totals, one.latency
        told = (sums.calls, sums.error_rate, sums.timeouts, sums.refused, sums.mean, took.p50, took.p95, took.p99)
        rows.append(
            (one.name, *told, *_judged(sums.calls, None if how is None else how.get(one.name, facts.Answers())))
        )
    note = UNREAD.format(what="What answers were like is left out") if how is None else ""
    return (Table("operations", "How operations went", columns, tuple(rows), chart="error_rate", note=note),)


def _judged(calls: int, was: facts.Answers | None) -> tuple[Cell, ...]:
    if was is None:
        return (None,) * 4
    kept = was.valid / was.with_schema if was.with_schema else None
    return (kept, was.cut_off / calls if calls else None, was.estimated, was.suspect)


def scored(reading: Reading) -> tuple[Table, ...]:
    """What evaluations said."""
    found = caches.marks(reading.connection, reading.period.window, reading.only)
    columns = (
        Column("name", "Score"),
        Column("count", "Number", "count"),
        Column("mean", "Average", "number"),
        Column("min", "Least", "number"),
        Column("max", "Most", "number"),
    )
    rows = tuple((name, one.count, one.mean, one.low, one.high) for name, one in sorted(found.items()))
    note = "" if rows else "No evaluation has scored anything in this time."
    return (Table("scores", "Scores", columns, rows, note=note),)
