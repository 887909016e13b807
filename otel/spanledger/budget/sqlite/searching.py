"""Some counters out of the table, of which Python sees no others. Every function works inside a transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from itertools import islice

from spanledger.budget.search import Search
from spanledger.budget.sqlite import counters
from spanledger.budget.store import UNIT, Counter, Figures

_SEPARATOR = Counter.prefix("")
#: SQLite takes some thousands of parameters.
_AT_ONCE = 900
_LIMIT = "coalesce(max(raised), :limit)"
_SHARE = f"CASE {_LIMIT} WHEN 0 THEN 1.0 ELSE coalesce((total(committed) + total(held)) / {_LIMIT}, 0.0) END"
_PLACES = """
SELECT substr(key, 1, length(key) - :cut) AS place FROM counters
WHERE key >= :first AND key < :past AND {among} AND place > :after GROUP BY place ORDER BY {order} LIMIT :number"""


def search(connection: sqlite3.Connection, search: Search) -> dict[Counter, Figures]:
    """The counters of some scope values of a budget."""
    keys = (f"{place}{ending}" for place in _places(connection, search) for ending in search.endings)
    found: dict[Counter, Figures] = {}
    while some := tuple(islice(keys, _AT_ONCE)):
        found |= counters.some(connection, some)
    return found


def _places(connection: sqlite3.Connection, search: Search) -> Iterator[str]:
    """The parts of a rolling window have ids of one length: the place is what is before it."""
    prefix, endings = Counter.prefix(search.budget), search.endings
    after = search.after or ""
    asked = {
        "first": max(prefix, after),
        "past": f"{prefix[:-1]}{chr(ord(prefix[-1]) + 1)}",
        "after": after,
        "cut": len(endings[0]),
        "limit": search.limit,
        "mark": UNIT,
        "unit": "" if search.unit == "USD" else f"{UNIT}{search.unit}",
        "number": search.number,
        **{f"ending{number}": f"{_SEPARATOR}{ending}" for number, ending in enumerate(endings)},
    }
    order = f"max(halted) DESC, {_SHARE} DESC, place" if search.after is None else "place"
    for (place,) in connection.execute(_PLACES.format(among=_among(search), order=order), asked):
        yield place


def _among(search: Search) -> str:
    """The windows that are meant, with what is before them: a run may be named after a day, and end like one.

    Of a budget by the run the unit, which the key ends with unless it is USD.
    """
    if search.windows:
        named = ", ".join(f":ending{number}" for number in range(len(search.windows)))
        return f"substr(key, -:cut - 1) IN ({named})"
    return "CASE :unit WHEN '' THEN instr(key, :mark) = 0 ELSE substr(key, -length(:unit)) = :unit END"
