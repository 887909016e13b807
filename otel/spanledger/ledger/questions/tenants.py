"""What tenants used, page by page, the one that costs most first.

What is asked of the database are the sums of each tenant, and the operations of those on the page, of up to so many
tenants at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from spanledger.ledger.questions import queries, rolled, singles
from spanledger.ledger.questions.filters import ALL, Filter, Window
from spanledger.ledger.questions.listing import PAGE
from spanledger.ledger.questions.results import Totals
from spanledger.ledger.sums.packing import unpacked

#: A statement names each of them up to five times, and SQLite before 3.32 takes 999 values.
_AT_ONCE = 150


@dataclass(frozen=True, slots=True)
class Tenant:
    """What one tenant used; `operations` are the calls that left, by operation. Nobody's name is empty."""

    name: str
    sums: Totals
    operations: dict[str, int]


@dataclass(frozen=True, slots=True)
class TenantPage:
    """Some tenants, the one that costs most first. `after` asks for the next page; None where this is the last one.

    `dearest` is what the first one of all cost, in nano-USD.
    """

    tenants: tuple[Tenant, ...]
    after: tuple[int, str] | None
    dearest: int


def page(
    connection: Connection,
    window: Window,
    only: Filter = ALL,
    *,
    after: tuple[int, str] | None = None,
    limit: int = 100,
) -> TenantPage:
    """The tenants that had such calls in a window; `after` is that of the page before.

    A page begins behind a cost and a name: over a window to which no call is added any more, pages have everybody once.
    """
    limit = max(1, min(limit, PAGE))
    found = queries.by(connection, "tenant", window, only)
    ranked = sorted((-sums.cost, name) for name, sums in found.items())
    behind = ranked if after is None else [place for place in ranked if place > (-after[0], after[1])]
    names = [name for _, name in behind[:limit]]
    done = _operations(connection, window, only, names) if names else {}
    return TenantPage(
        tuple(Tenant(name, found[name], done.get(name, {})) for name in names),
        (found[names[-1]].cost, names[-1]) if len(behind) > limit else None,
        -ranked[0][0] if ranked else 0,
    )


def _operations(
    connection: Connection, window: Window, only: Filter, names: Sequence[str]
) -> dict[str, dict[str, int]]:
    """The calls of these tenants that left, by operation."""
    source = rolled if only.rolled_up else singles
    told = ("tenant", "operation")
    found: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for first in range(0, len(names), _AT_ONCE):
        wanted = {**only.values, "tenant": names[first : first + _AT_ONCE]}
        [done] = source.sums(connection, [window], wanted, [told])
        for (tenant, operation), sums in done[told].items():
            if left := Totals(*unpacked(sums)).calls:
                found[tenant][operation] = left
    return found
