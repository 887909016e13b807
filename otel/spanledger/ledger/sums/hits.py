"""Sums of how often caches were asked: by the minute in the transaction that writes the events, longer ones later.

As with those of calls, but of few columns: so all of their cuts are kept by all longer spans of time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, select

from spanledger.ledger.dialect import put
from spanledger.ledger.entry import CacheEvent
from spanledger.ledger.schema import cache_rollups
from spanledger.ledger.sums import mark
from spanledger.ledger.sums.cuts import GRAINS, MINUTE
from spanledger.money import NANO

#: What an event of a cache says of its call.
KNOWN = ("operation", "stage", "tenant")
FINEST = (1 << len(KNOWN)) - 1
#: Grain, cut, beginning, what is known, layer.
_Place = tuple[int, int, int, str, str, str, str]
#: Hits and misses.
_Sums = dict[_Place, tuple[int, int]]
_PLACE = ("grain", "cut", "at", *KNOWN, "layer")


def cut_of(names: Iterable[str]) -> int:
    """The cut by these columns."""
    return sum(1 << KNOWN.index(name) for name in names)


def cuts_of(grain: int) -> tuple[int, ...]:
    """All that are kept by a grain."""
    return (FINEST,) if grain == MINUTE else tuple(range(FINEST + 1))


def count(connection: Connection, events: Iterable[CacheEvent]) -> None:
    """Count events that are new."""
    until = mark.shared(connection)
    sums: defaultdict[_Place, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for event in events:
        seconds = event.at // NANO
        known = (event.operation or "", event.stage or "", event.tenant or "")
        place = (MINUTE, FINEST, seconds - seconds % MINUTE, *known, event.layer)
        hits, misses = sums[place]
        sums[place] = (hits + event.hit, misses + (not event.hit))
    late = {place: found for place, found in sums.items() if place[2] < until}
    _put(connection, sums | _coarser(late))


def add_up(connection: Connection, since: int, to: int) -> None:
    """Add minutes up to longer spans of time."""
    row = cache_rollups.c
    columns = [row[name] for name in (*_PLACE, "hits", "misses")]
    minutes = select(*columns).where(row.grain == MINUTE, row.cut == FINEST, row.at >= since, row.at < to)
    found: _Sums = {tuple(place): (hits, misses) for *place, hits, misses in connection.execute(minutes)}
    _put(connection, _coarser(found))


def _coarser(minutes: _Sums) -> _Sums:
    found: defaultdict[_Place, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for (_, _, at, *known, layer), (hits, misses) in minutes.items():
        for grain in GRAINS[1:]:
            for cut in cuts_of(grain):
                operation, stage, tenant = (value if cut >> place & 1 else "" for place, value in enumerate(known))
                longer = (grain, cut, at - at % grain, operation, stage, tenant, layer)
                there = found[longer]
                found[longer] = (there[0] + hits, there[1] + misses)
    return found


def _put(connection: Connection, sums: _Sums) -> None:
    def adding(insert: Any) -> Any:
        added = {name: cache_rollups.c[name] + insert.excluded[name] for name in ("hits", "misses")}
        return insert.on_conflict_do_update(index_elements=list(cache_rollups.primary_key), set_=added)

    rows = [(*place, *found) for place, found in sorted(sums.items())]
    put(connection, cache_rollups, (*_PLACE, "hits", "misses"), rows, adding)
