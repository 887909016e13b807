"""What the ledger knows of a trace from before: rows that processes told themselves, or a service that is gone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import NamedTuple

from sqlalchemy import Connection, select

from spanledger.ledger.schema import calls
from spanledger.pipeline.covered import INFERENCE, Claim

#: Traces that are asked for at a time, and whose rows are remembered.
AT_ONCE, TRACES = 500, 20_000

Reading = Callable[[], AbstractContextManager[Connection]]


class Row(NamedTuple):
    """A row of the ledger, as far as it says whether it is the same call as another one."""

    operation: str
    input: int
    output: int
    started: int
    ended: int


class Earlier:
    """Rows by trace and span, each trace asked for once."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._rows: dict[int, dict[int, Row]] = {}

    def ask(self, traces: Iterable[int]) -> None:
        """Look up what is not known yet."""
        unknown = [trace for trace in dict.fromkeys(traces) if trace not in self._rows]
        if not unknown:
            return
        with self._reading() as connection:
            for first in range(0, len(unknown), AT_ONCE):
                self._look_up(connection, unknown[first : first + AT_ONCE])
        while len(self._rows) > TRACES:
            del self._rows[next(iter(self._rows))]

    def _look_up(self, connection: Connection, traces: list[int]) -> None:
        self._rows |= {trace: {} for trace in traces}
        own = calls.c
        found = select(own.trace_id, own.span_id, own.operation, own.input, own.output, own.started, own.ended).where(
            own.trace_id.in_([f"{trace:032x}" for trace in traces]), own.span_id.is_not(None), own.used
        )
        for trace, span, *rest in connection.execute(found):
            self._rows[int(trace, 16)][int(span, 16)] = Row(*rest)

    def covers(self, claimed: Claim, trace: int, span: int, parent: int | None) -> bool:
        """Whether a row of another span is the same call: it is around it, or a part of a sum."""
        known = self._rows.get(trace)
        if not known:
            return False
        if parent in known and parent != span:
            return True
        start, end = claimed.span.start_time or 0, claimed.span.end_time or 0
        rows = [row for id_, row in known.items() if id_ != span]
        if not claimed.is_sum:
            return any(row.operation not in INFERENCE and row.started <= start and end <= row.ended for row in rows)
        within = [row for row in rows if start <= row.started and row.ended <= end]
        enough = (
            sum(row.input for row in within) >= claimed.usage.input
            and sum(row.output for row in within) >= claimed.usage.output
        )
        return bool(within) and enough

    def has(self, trace: int, span: int) -> bool:
        """Whether the span has a row."""
        return span in self._rows.get(trace, ())
