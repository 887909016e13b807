"""What tenants used, page by page, the one that costs most first.

Two questions are asked of the database, however many tenants and operations there are: the sums of each tenant, and
the operations of those on the page.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, select

from spanledger.ledger import queries, rolled
from spanledger.ledger.filters import ALL, Filter, Window, column_of, during
from spanledger.ledger.listing import PAGE
from spanledger.ledger.results import Totals
from spanledger.ledger.schema import calls


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
    found: defaultdict[str, dict[str, int]] = defaultdict(dict)
    rows = _of_rollups if only.rolled_up else _of_calls
    for tenant, operation, left in rows(connection, window, only, names):
        if left:
            own = found[tenant]
            own[operation] = own.get(operation, 0) + int(left)
    return {tenant: {operation: left for operation, left in own.items() if left} for tenant, own in found.items()}


def _of_rollups(connection: Connection, window: Window, only: Filter, names: Sequence[str]) -> Iterable[rolled.Row]:
    """Tenant, operation, calls."""
    bound = only.wanted
    told = {*bound, "tenant", "operation"}
    these = {f"tenant_{number}": name for number, name in enumerate(names)}

    def part(grain: int, sign: int, at: str) -> str:
        rows = rolled.rows_of("rollups", told, bound, grain, at)
        wanted = ", ".join(f":{name}" for name in these)
        calls = f"{sign} * SUM(r.calls)"
        return f"SELECT d.tenant, d.operation, {calls} {rows} AND d.tenant IN ({wanted}) GROUP BY 1, 2"

    return rolled.read(connection, window, part, {**bound, **these})


def _of_calls(connection: Connection, window: Window, only: Filter, names: Sequence[str]) -> Iterable[Row[Any]]:
    row = calls.c
    who, what = (func.coalesce(column_of(name), "") for name in ("tenant", "operation"))
    left = func.count().filter(row.kind == "call", row.status != "refused")
    asked = select(who, what, left).where(during(window), who.in_(names), *only.of_calls())
    return connection.execute(asked.group_by(who, what))
