"""Budgets against the ledger: what counters say was spent, and what the calls in the ledger were charged.

A counter may be ahead of the ledger by what nobody wrote a row for: holds that expired because their process died, and
corrections by hand. It may be behind by what is held: a process that leases spends before it tells.
"""

from __future__ import annotations

from collections import Counter as Sums
from collections.abc import Iterator

from sqlalchemy import Connection, func, select

from spanledger.budget.store import Counter, Gap, Store
from spanledger.ledger.schema import charges


def charged(connection: Connection) -> dict[Counter, int]:
    """What the rows of the ledger were charged, by counter."""
    paid = charges.c
    key = (paid.budget, paid.scope_value, paid.window, paid.unit)
    rows = connection.execute(select(*key, func.sum(paid.amount)).group_by(*key))
    return {Counter(*counter): int(amount) for *counter, amount in rows}


def gaps(store: Store, paid: dict[Counter, int]) -> Iterator[Gap]:
    """Counters that say something else than the ledger; a counter that the store has forgotten is none."""
    besides = _besides(store)
    for counter, figures in store.figures().items():
        known = paid.get(counter, 0) + besides[counter]
        if not figures.committed <= known <= figures.committed + figures.held:
            yield Gap(counter, "ledger", figures.committed, known)


def _besides(store: Store) -> Sums[Counter]:
    """What was charged without a call that anybody knows the end of."""
    found: Sums[Counter] = Sums()
    for hold in store.holds():
        if hold.state == "expired":
            found.update(dict(zip(hold.counters, hold.charged or hold.amounts, strict=True)))
    for entry in store.audit():
        if entry.action in ("adjust", "repair") and entry.amount is not None:
            found[entry.counter] += entry.amount
    return found
