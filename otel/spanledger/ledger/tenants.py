"""What tenants used, page by page, the one that costs most first.

Two questions are asked of the database, however many tenants and operations there are: the sums of each tenant, and
the operations of those on the page.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, and_, func, select, union_all

from spanledger.ledger import queries
from spanledger.ledger.cuts import for_question
from spanledger.ledger.filters import ALL, Filter, Window, column_of, during
from spanledger.ledger.listing import PAGE
from spanledger.ledger.results import Totals
from spanledger.ledger.schema import calls, dimensions, rollups


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
) -> defaultdict[str, dict[str, int]]:
    """The calls of these tenants that left, by operation."""
    statement = union_all(*_of_rollups(window, only, names)) if only.rolled_up else _of_calls(window, only, names)
    found: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for tenant, operation, left in connection.execute(statement):
        own = found[tenant]
        own[operation] = own.get(operation, 0) + int(left)
    return found


def _of_rollups(window: Window, only: Filter, names: Sequence[str]) -> Iterator[Select[Any]]:
    """For each grain that the window is made of: tenant, operation, calls."""
    row, who, what = rollups.c, dimensions.c.tenant, dimensions.c.operation
    for grain, since, until in window.pieces():
        cut = for_question(grain, frozenset({"tenant", "operation", *only.names}))
        there = (row.grain == grain, row.cut == cut, row.at >= since, row.at < until)
        of_it = and_(row.dimension == dimensions.c.id, dimensions.c.cut == cut)
        asked = select(who, what, func.sum(row.calls)).join_from(rollups, dimensions, of_it)
        yield asked.where(*there, who.in_(names), *only.of_rollups()).group_by(who, what)


def _of_calls(window: Window, only: Filter, names: Sequence[str]) -> Select[Any]:
    row = calls.c
    who, what = (func.coalesce(column_of(name), "") for name in ("tenant", "operation"))
    left = func.count().filter(row.kind == "call", row.status != "refused")
    return select(who, what, left).where(during(window), who.in_(names), *only.of_calls()).group_by(who, what)
