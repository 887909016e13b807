"""All sums that a ledger keeps, beside those that its rows should have come to: made of the rows, one by one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import astuple

from sqlalchemy import Engine, select
from tests.support import ledger_oracle as oracle
from tests.support.ledger_oracle import NANO

from spanledger.ledger import CacheEvent, Entry, database, exchange, schema
from spanledger.ledger.sums import hits, mark
from spanledger.ledger.sums.bins import Bins, unpack
from spanledger.ledger.sums.cuts import GRAINS, MINUTE, cuts_of
from spanledger.ledger.sums.sketch import bin_of

#: Grain, cut, beginning, and what is told apart there.
Place = tuple[int, int, int, tuple[str, ...]]
#: The sums of a place, its latencies, and hits and misses, each by place.
Sums = tuple[dict[Place, tuple[int, ...]], dict[Place, dict[int, int]], dict[Place, tuple[int, int]]]


def kept(engine: Engine) -> Sums:
    """Those that are there; what came to nothing is left out."""
    own, sums, bins, asked = schema.dimensions, schema.rollups, schema.latencies, schema.cache_rollups
    with database.reading(engine) as connection:
        names = {(cut, id_): tuple(told) for cut, id_, *told in connection.execute(select(own))}
        found = {
            (grain, cut, at, names[cut, id_]): tuple(all_)
            for grain, cut, at, id_, *all_ in connection.execute(select(sums))
            if any(all_)
        }
        took = {}
        for grain, cut, at, id_, packed in connection.execute(select(bins)):
            counts: Bins = defaultdict(int)
            unpack(packed, counts)
            took[grain, cut, at, names[cut, id_]] = dict(counts)
        caches = {
            (grain, cut, at, tuple(told)): (hit, missed)
            for grain, cut, at, *told, hit, missed in connection.execute(select(asked))
        }
    return found, {place: counts for place, counts in took.items() if counts}, caches


def expected(engine: Engine) -> Sums:
    """What they should be."""
    with database.reading(engine) as connection:
        until = mark.seen(connection)
        rows = {table.name: list(table.rows(connection, 0, 2**62)) for table in exchange.TABLES}
    sums: defaultdict[Place, Counter[int]] = defaultdict(Counter)
    took: defaultdict[Place, Counter[int]] = defaultdict(Counter)
    caches: defaultdict[Place, Counter[bool]] = defaultdict(Counter)
    for call in rows["calls"]:
        own = dict(enumerate(astuple(oracle.totals([call]))))
        for place in _of_call(call, until):
            sums[place].update(own)
            if call.kind == "call" and call.status != "refused":
                took[place][bin_of(call.ended - call.started)] += 1
    for event in rows["cache_events"]:
        for place in _of_event(event, until):
            caches[place][event.hit] += 1
    return (
        {place: tuple(found[number] for number in range(len(schema.SUMS))) for place, found in sums.items()},
        {place: dict(found) for place, found in took.items()},
        {place: (found[True], found[False]) for place, found in caches.items()},
    )


def _of_call(call: Entry, until: int) -> Iterator[Place]:
    values = tuple(oracle.value(call, name) for name in schema.DIMENSIONS)
    for grain, cut, at in _places(call.started, until, ((grain, cuts_of(grain)) for grain in GRAINS)):
        yield grain, cut, at, tuple(value if cut >> place & 1 else "" for place, value in enumerate(values))


def _of_event(event: CacheEvent, until: int) -> Iterator[Place]:
    values = tuple(getattr(event, name) or "" for name in hits.KNOWN)
    for grain, cut, at in _places(event.at, until, ((grain, hits.cuts_of(grain)) for grain in GRAINS)):
        told = tuple(value if cut >> place & 1 else "" for place, value in enumerate(values))
        yield grain, cut, at, (*told, event.layer)


def _places(at: int, until: int, kept: Iterable[tuple[int, tuple[int, ...]]]) -> Iterator[tuple[int, int, int]]:
    """Minutes have all rows, what is longer has those that are closed."""
    second = at // NANO
    for grain, cuts in kept:
        if grain == MINUTE or second < until:
            yield from ((grain, cut, second // grain * grain) for cut in cuts)
