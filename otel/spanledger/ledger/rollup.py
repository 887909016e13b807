"""Rollups: sums and latencies by minute, hour and day, kept up to date in the transaction that writes the rows.

Everything in them is a sum, so a row that comes late is added where it belongs, and one that is repriced is taken away
as it was and added as it is.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Table

from spanledger.ledger.dialect import put
from spanledger.ledger.schema import DIMENSIONS, SUMS, dimensions, latencies, rollups
from spanledger.ledger.sketch import bin_of

#: Seconds of the spans of time that are added up.
GRAINS = (60, 3600, 86400)
NANO = 1_000_000_000

Row = Mapping[str, Any]
_Place = tuple[int, int, int]


def model_of(row: Row) -> str | None:
    """The model that a call counts under: the one asked for, as in budgets; else the one that answered."""
    model: str | None = row["request_model"] or row["response_model"]
    return model


def counted(row: Row) -> bool:
    """Whether a row is a call that left: latencies and error rates are of those."""
    return bool(row["kind"] == "call" and row["status"] != "refused")


@lru_cache(maxsize=8192)
def dimension(values: tuple[str, ...]) -> int:
    """The id of a combination."""
    digest = hashlib.blake2b("\x1f".join(values).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _values(row: Row) -> tuple[str, ...]:
    return tuple((model_of(row) if name == "model" else row[name]) or "" for name in DIMENSIONS)


def sums_of(row: Row) -> tuple[int, ...]:
    """What a row adds to the sums, in their order."""
    cost = row["cost"] or 0
    return (
        row["kind"] == "call",
        row["kind"] == "attempt",
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
        row["ended"] - row["started"] if counted(row) else 0,
    )


class Change:
    """What rows change in the rollups. `add` with a `sign` of -1 takes a row away; `apply` writes it all."""

    def __init__(self) -> None:
        self._dimensions: dict[int, tuple[str, ...]] = {}
        self._sums: defaultdict[_Place, list[int]] = defaultdict(lambda: [0] * len(SUMS))
        self._bins: defaultdict[tuple[int, int, int, int], int] = defaultdict(int)

    def add(self, rows: Iterable[Row], sign: int = 1) -> None:
        """Count rows."""
        for row in rows:
            values = _values(row)
            where = dimension(values)
            self._dimensions[where] = values
            seconds = row["started"] // NANO
            found = sums_of(row)
            bin_ = bin_of(row["ended"] - row["started"]) if counted(row) else None
            for grain in GRAINS:
                at = seconds - seconds % grain
                sums = self._sums[grain, at, where]
                for index, value in enumerate(found):
                    sums[index] += sign * value
                if bin_ is not None:
                    self._bins[grain, at, where, bin_] += sign

    def apply(self, connection: Connection) -> None:
        """Write it. In a fixed order, so that writers never wait for each other in a circle."""
        known = [
            {"id": id_, **dict(zip(DIMENSIONS, self._dimensions[id_], strict=True))} for id_ in sorted(self._dimensions)
        ]
        if known:
            put(connection, dimensions, known, lambda insert: insert.on_conflict_do_nothing())
        sums = [
            {"grain": grain, "at": at, "dimension": where, **dict(zip(SUMS, values, strict=True))}
            for (grain, at, where), values in sorted(self._sums.items())
            if any(values)
        ]
        _add(connection, rollups, SUMS, sums)
        bins = [
            {"grain": grain, "at": at, "dimension": where, "bin": bin_, "count": count}
            for (grain, at, where, bin_), count in sorted(self._bins.items())
            if count
        ]
        _add(connection, latencies, ("count",), bins)


def _add(connection: Connection, table: Table, names: tuple[str, ...], rows: list[dict[str, int]]) -> None:
    """Add to the rows that are there, and make those that are not."""
    if not rows:
        return

    def adding(insert: Any) -> Any:
        added = {name: table.c[name] + insert.excluded[name] for name in names}
        return insert.on_conflict_do_update(index_elements=list(table.primary_key), set_=added)

    put(connection, table, rows, adding)
