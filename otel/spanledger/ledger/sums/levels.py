"""Sums of minutes added up to those of longer spans of time, in each cut; and how sums are written.

Sums are written in a fixed order, so that writers never wait for each other in a circle.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from sqlalchemy import Connection

from spanledger.ledger.dialect import found, put
from spanledger.ledger.schema import SUMS, latencies, rollups
from spanledger.ledger.sums import combinations
from spanledger.ledger.sums.bins import Bins, merged
from spanledger.ledger.sums.cuts import COARSE, FINEST, GRAINS, KEPT
from spanledger.ledger.sums.packing import unpacked

#: Grain, cut, beginning and combination: the key of a sum.
Place = tuple[int, int, int, int]
#: A beginning, and the values of a combination that are told apart by the finest cut.
At = tuple[int, tuple[str, ...]]
T = TypeVar("T")
#: Adds what is second to what is there; the second stays as it is.
Plus = Callable[[T | None, T], T]
#: By the beginning of a span of time and the id of a combination, which no other has in whatever cut.
_Cells = defaultdict[int, dict[int, T]]
#: Of combinations in each cut, by their values.
_Ids = dict[tuple[str, ...], tuple[int, ...]]
_PLACE = ("grain", "cut", "at", "dimension")
_CUTS = (*COARSE, FINEST)


def plus(there: int | None, more: int) -> int:
    """For sums."""
    return more if there is None else there + more


def with_bins(there: Bins | None, more: Bins) -> Bins:
    """For latencies."""
    if there is None:
        return more.copy()
    for bin_, count in more.items():
        there[bin_] += count
    return there


def coarser(finer: Mapping[At, T], add: Plus[T]) -> dict[Place, T]:
    """What sums of minutes add to all longer spans of time.

    The sums of a cut are told apart once, by the shortest grain that keeps it; longer ones gather them.
    """
    ids = {values: combinations.ids(values) for values in {values for _, values in finer}}
    cut_of = {id_: cut for all_ in ids.values() for id_, cut in zip(all_, _CUTS, strict=True)}
    found: dict[Place, T] = {}
    cells: _Cells[T] = defaultdict(dict)
    first = 0
    for grain in GRAINS[1:]:
        told = _told(finer, grain, ids, add, range(first, KEPT[grain]))
        cells, first = _gather(told, cells, grain, add), KEPT[grain]
        found |= {(grain, cut_of[id_], at, id_): sums for at, of in cells.items() for id_, sums in of.items()}
    return found


def _longer(finer: Mapping[At, T], grain: int, add: Plus[T]) -> dict[At, T]:
    found: dict[At, T] = {}
    for (at, values), sums in finer.items():
        longer = (at - at % grain, values)
        found[longer] = add(found.get(longer), sums)
    return found


def _told(finer: Mapping[At, T], grain: int, ids: _Ids, add: Plus[T], cuts: range) -> _Cells[T]:
    """By some of the coarse cuts, and where these are the first, by the finest too."""
    cells: _Cells[T] = defaultdict(dict)
    for (at, values), one in _longer(finer, grain, add).items() if cuts else ():
        there, all_ = cells[at], ids[values]
        for id_ in all_[cuts.start : cuts.stop] if cuts.start else (*all_[: cuts.stop], all_[-1]):
            there[id_] = add(there.get(id_), one)
    return cells


def _gather(into: _Cells[T], cells: _Cells[T], grain: int, add: Plus[T]) -> _Cells[T]:
    for at, of in cells.items():
        there = into[at - at % grain]
        for id_, one in of.items():
            there[id_] = add(there.get(id_), one)
    return into


def kept(connection: Connection, sums: Mapping[Place, int]) -> dict[Place, int]:
    """Those that add to sums that are there. Where there is none, it is forgotten: a difference is no sum."""
    there = found(connection, rollups, _PLACE, "calls", [place for place, all_ in sums.items() if all_])
    return {place: all_ for place, all_ in sums.items() if place in there}


def put_sums(connection: Connection, sums: Mapping[Place, int]) -> None:
    """Add sums to those that are there."""

    def adding(insert: Any) -> Any:
        added = {name: rollups.c[name] + insert.excluded[name] for name in SUMS}
        return insert.on_conflict_do_update(index_elements=list(rollups.primary_key), set_=added)

    rows = [(*place, *unpacked(all_)) for place, all_ in sorted(sums.items()) if all_]
    put(connection, rollups, (*_PLACE, *SUMS), rows, adding)


def put_bins(connection: Connection, bins: Mapping[Place, Bins]) -> None:
    """Add latencies to those that are there. They are read, merged and written again: `put_sums` has locked them."""
    new = {place: counts for place, counts in bins.items() if any(counts.values())}
    there = found(connection, latencies, _PLACE, "bins", list(new))
    rows = [(*place, merged(there.get(place, b""), counts)) for place, counts in sorted(new.items())]

    def replacing(insert: Any) -> Any:
        return insert.on_conflict_do_update(
            index_elements=list(latencies.primary_key), set_={"bins": insert.excluded.bins}
        )

    put(connection, latencies, (*_PLACE, "bins"), rows, replacing)
