"""Rollups: sums and latencies by the minute in the finest cut, kept up to date in the transaction that writes the rows.

Everything in them is a sum, so a row that comes late is added where it belongs, and one that is repriced is taken away
as it was and added as it is. The coarser sums are made of these once a span of time is over (`closing`); what comes
later than that is added to them too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection

from spanledger.ledger.schema import DIMENSIONS
from spanledger.ledger.sums import combinations, levels, mark
from spanledger.ledger.sums.bins import Bins
from spanledger.ledger.sums.cuts import FINEST, MINUTE
from spanledger.ledger.sums.levels import At
from spanledger.ledger.sums.packing import packed
from spanledger.ledger.sums.sketch import bin_of
from spanledger.money import NANO

Row = Mapping[str, Any]


def model_of(row: Row) -> str | None:
    """The model that a call counts under: the one asked for, as in budgets; else the one that answered."""
    model: str | None = row["request_model"] or row["response_model"]
    return model


def counted(row: Row) -> bool:
    """Whether a row is a call that left: latencies and error rates are of those."""
    return bool(row["kind"] == "call" and row["status"] != "refused")


def _values(row: Row) -> tuple[str, ...]:
    return tuple([(row[name] if name != "model" else model_of(row)) or "" for name in DIMENSIONS])


def sums_of(row: Row) -> tuple[int, ...]:
    """What a row adds to the sums, in their order."""
    cost = row["cost"] or 0
    status = row["status"] if row["kind"] == "call" else "lost"
    left = status not in ("lost", "refused")
    return (
        left,
        status == "refused",
        status == "error",
        status == "timeout",
        status == "lost",
        cost,
        cost if row["cost_source"] == "provider" else 0,
        cost if row["estimated"] else 0,
        row["price_status"] == "priced",
        row["price_status"] == "unpriced",
        row["input"],
        row["output"],
        row["cache_read"],
        row["cache_write"],
        row["reasoning"],
        row["ended"] - row["started"] if left else 0,
    )


class Change:
    """What rows change in the rollups. `add` with a `sign` of -1 takes a row away; `apply` writes it all."""

    def __init__(self) -> None:
        self._sums: defaultdict[At, int] = defaultdict(int)
        self._bins: defaultdict[At, Bins] = defaultdict(lambda: defaultdict(int))
        self._taken = False

    def add(self, rows: Iterable[Row], sign: int = 1) -> None:
        """Count rows. Raises SumError where a number has more than 64 bits."""
        self._taken |= sign < 0
        for row in rows:
            seconds = row["started"] // NANO
            at = (seconds - seconds % MINUTE, _values(row))
            self._sums[at] += sign * packed(sums_of(row))
            if counted(row):
                self._bins[at][bin_of(row["ended"] - row["started"])] += sign

    def apply(self, connection: Connection) -> None:
        """Write it. Nobody closes a minute until it is over. Raises SumError where a sum has more than 64 bits."""
        until = mark.shared(connection)
        finest = {values: combinations.finest(values) for values in {values for _, values in self._sums}}
        combinations.known(connection, {id_: values for values, id_ in finest.items()})
        sums = {(MINUTE, FINEST, at, finest[values]): one for (at, values), one in self._sums.items()}
        bins = {(MINUTE, FINEST, at, finest[values]): one for (at, values), one in self._bins.items()}
        sums |= levels.coarser({at: one for at, one in self._sums.items() if at[0] < until}, levels.plus)
        bins |= levels.coarser({at: one for at, one in self._bins.items() if at[0] < until}, levels.with_bins)
        levels.put_sums(connection, levels.kept(connection, sums) if self._taken else sums)
        levels.put_bins(connection, bins)
