"""Rollups: sums and latencies by minute, hour and day, kept up to date in the transaction that writes the rows.

Everything in them is a sum, so a row that comes late is added where it belongs, and one that is repriced is taken away
as it was and added as it is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from sqlalchemy import Connection

from spanledger.ledger import combinations
from spanledger.ledger.cuts import COARSE, DAILY, DAY, FINEST, HOUR, HOURLY, MINUTE, TIMED
from spanledger.ledger.dialect import found, put
from spanledger.ledger.packing import Bins, merged, packed, unpacked
from spanledger.ledger.schema import DIMENSIONS, SUMS, latencies, rollups
from spanledger.ledger.sketch import bin_of
from spanledger.money import NANO

Row = Mapping[str, Any]
#: Grain, cut, beginning and combination: the key of a sum.
Place = tuple[int, int, int, int]
_PLACE = ("grain", "cut", "at", "dimension")
_At = tuple[int, tuple[str, ...]]
_T = TypeVar("_T")
_CUTS = (*COARSE, FINEST)
#: By the beginning of a span of time and the id of a combination, which no other has in whatever cut.
_Cells = defaultdict[int, defaultdict[int, _T]]


def model_of(row: Row) -> str | None:
    """The model that a call counts under: the one asked for, as in budgets; else the one that answered."""
    model: str | None = row["request_model"] or row["response_model"]
    return model


def counted(row: Row) -> bool:
    """Whether a row is a call that left: latencies and error rates are of those."""
    return bool(row["kind"] == "call" and row["status"] != "refused")


def _values(row: Row) -> tuple[str, ...]:
    return tuple((model_of(row) if name == "model" else row[name]) or "" for name in DIMENSIONS)


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
    """What rows change in the rollups. `add` with a `sign` of -1 takes a row away; `apply` writes it all.

    Rows are gathered by the minute in the finest cut; all other sums are made of these.
    """

    def __init__(self) -> None:
        self._sums: defaultdict[_At, int] = defaultdict(int)
        self._bins: defaultdict[_At, Bins] = defaultdict(lambda: defaultdict(int))
        self._ids: dict[tuple[str, ...], tuple[int, ...]] = {}
        self._cuts: dict[int, int] = {}
        self._most = 0

    def add(self, rows: Iterable[Row], sign: int = 1) -> None:
        """Count rows. Raises OverflowError where a sum could be more than 64 bits."""
        for row in rows:
            seconds = row["started"] // NANO
            at = (seconds - seconds % MINUTE, _values(row))
            sums = sums_of(row)
            self._most += max(map(abs, sums))
            self._sums[at] += sign * packed(sums)
            if counted(row):
                self._bins[at][bin_of(row["ended"] - row["started"])] += sign
        if self._most >= 2**63:
            raise OverflowError("what these calls come to has more than 64 bits")

    def apply(self, connection: Connection) -> None:
        """Write it. In a fixed order, so that writers never wait for each other in a circle.

        Latencies are read, merged and written again: whoever has written the sums of a place has locked it.
        """
        self._ids = {values: combinations.ids(values) for _, values in self._sums}
        self._cuts = {id_: cut for ids in self._ids.values() for id_, cut in zip(ids, _CUTS, strict=True)}
        combinations.known(connection, self._ids)
        sums = [(*place, *unpacked(all_)) for place, all_ in sorted(self._all_sums().items()) if all_]

        def adding(insert: Any) -> Any:
            added = {name: rollups.c[name] + insert.excluded[name] for name in SUMS}
            return insert.on_conflict_do_update(index_elements=list(rollups.primary_key), set_=added)

        put(connection, rollups, (*_PLACE, *SUMS), sums, adding)
        self._apply_bins(connection)

    def _apply_bins(self, connection: Connection) -> None:
        new = {place: bins for place, bins in self._all_bins().items() if any(bins.values())}
        there = found(connection, latencies, _PLACE, "bins", list(new))
        rows = [(*place, merged(there.get(place, b""), bins)) for place, bins in sorted(new.items())]

        def replacing(insert: Any) -> Any:
            return insert.on_conflict_do_update(
                index_elements=list(latencies.primary_key), set_={"bins": insert.excluded.bins}
            )

        put(connection, latencies, (*_PLACE, "bins"), rows, replacing)

    def _all_sums(self) -> dict[Place, int]:
        minutes = {(MINUTE, FINEST, at, self._ids[values][-1]): all_ for (at, values), all_ in self._sums.items()}
        hours: _Cells[int] = defaultdict(lambda: defaultdict(int))
        days: _Cells[int] = defaultdict(lambda: defaultdict(int))
        for (at, values), all_ in self._sums.items():
            ids, hour, day = self._ids[values], hours[at - at % HOUR], days[at - at % DAY]
            for id_ in ids[:HOURLY]:
                hour[id_] += all_
            for id_ in ids[HOURLY:DAILY]:
                day[id_] += all_
            hour[ids[-1]] += all_
        for at, cells in hours.items():
            day = days[at - at % DAY]
            for id_, all_ in cells.items():
                day[id_] += all_
        return minutes | dict(self._placed(HOUR, hours)) | dict(self._placed(DAY, days))

    def _all_bins(self) -> dict[Place, Bins]:
        minutes = {(MINUTE, FINEST, at, self._ids[values][-1]): bins for (at, values), bins in self._bins.items()}
        hours: _Cells[Bins] = defaultdict(lambda: defaultdict(lambda: defaultdict(int)))
        days: _Cells[Bins] = defaultdict(lambda: defaultdict(lambda: defaultdict(int)))
        for (at, values), bins in self._bins.items():
            ids, hour = self._ids[values], hours[at - at % HOUR]
            for id_ in (*ids[:TIMED], ids[-1]):
                cell = hour[id_]
                for bin_, count in bins.items():
                    cell[bin_] += count
        for at, cells in hours.items():
            day = days[at - at % DAY]
            for id_, bins in cells.items():
                cell = day[id_]
                for bin_, count in bins.items():
                    cell[bin_] += count
        return minutes | dict(self._placed(HOUR, hours)) | dict(self._placed(DAY, days))

    def _placed(self, grain: int, all_: _Cells[_T]) -> Iterator[tuple[Place, _T]]:
        return (((grain, self._cuts[id_], at, id_), cell) for at, cells in all_.items() for id_, cell in cells.items())
