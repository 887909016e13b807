"""The ledger under other prices: what would change, and, where that is wanted, the change.

A cost that the provider told stays. A price that is not known any more does not take away one that was: unknown is no
price. What budgets were charged stays as it is; `spanledger budgets adjust` corrects them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, select, update

from spanledger.ledger.exchange import usage_of_row
from spanledger.ledger.questions.listing import after
from spanledger.ledger.schema import calls
from spanledger.ledger.sums.rollup import Change, model_of
from spanledger.money import NANO
from spanledger.pricing import Price, PriceBook

#: Rows that are looked at, and changed, at a time.
BATCH = 1000
_CHANGED = ("cost", "cost_source", "price_version", "price_status", "missing")


@dataclass(slots=True)
class Changed:
    """What became of the calls of a model: how many change, and what they cost before and after, in nano-USD.

    `unpriced` of them had no whole price before.
    """

    provider: str
    model: str
    calls: int = 0
    unpriced: int = 0
    before: int = 0
    after: int = 0


def reprice(engine: Engine, book: PriceBook, since: int, *, write: bool) -> tuple[Changed, ...]:
    """Price all calls anew that began at `since` (nanoseconds since the epoch) or later; those that cost most first.

    Each batch is changed in a transaction of its own, rollups included. Whoever is interrupted may do it again.
    """
    found: dict[tuple[str, str], Changed] = {}
    at: tuple[int, str] | None = (since, "")
    while at is not None:
        with engine.begin() as connection:
            rows, at = _batch(connection, at)
            changes = list(_changes(rows, book))
            if write:
                _apply(connection, changes)
        for old, new in changes:
            _note(found, old, new)
    return tuple(sorted(found.values(), key=lambda one: -abs(one.after - one.before)))


def _batch(connection: Connection, at: tuple[int, str]) -> tuple[list[dict[str, Any]], tuple[int, str] | None]:
    wanted = select(calls).where(after(*at)).order_by(calls.c.started, calls.c.id).limit(BATCH).with_for_update()
    rows = [dict(row) for row in connection.execute(wanted).mappings()]
    return rows, (rows[-1]["started"], rows[-1]["id"]) if len(rows) == BATCH else None


def _changes(rows: list[dict[str, Any]], book: PriceBook) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for row in rows:
        if row["kind"] != "call" or not row["used"] or row["cost_source"] == "provider":
            continue
        price = _price(row, book)
        if price is None:
            continue
        new = row | {
            "cost": price.nano_usd,
            "cost_source": price.source,
            "price_version": price.version,
            "price_status": "unpriced" if price.missing else "priced",
            "missing": list(price.missing) or None,
        }
        if any(new[name] != row[name] for name in ("cost", "price_status", "missing")):
            yield row, new


def _price(row: dict[str, Any], book: PriceBook) -> Price | None:
    """By the model that answered, or else by the one that was asked, at the time of the call."""
    usage, at = usage_of_row(row), datetime.fromtimestamp(row["ended"] / NANO, UTC)
    models = filter(None, (row["response_model"], row["request_model"]))
    prices = (book.price(usage, provider=row["provider"], model=model, at=at, tier=row["tier"]) for model in models)
    return next(filter(None, prices), None)


def _apply(connection: Connection, changes: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    if not changes:
        return
    statement = update(calls).where(calls.c.id == bindparam("of")).values({n: bindparam(f"new_{n}") for n in _CHANGED})
    connection.execute(
        statement, [{"of": new["id"], **{f"new_{name}": new[name] for name in _CHANGED}} for _, new in changes]
    )
    change = Change()
    change.add((old for old, _ in changes), -1)
    change.add(new for _, new in changes)
    change.apply(connection)


def _note(found: dict[tuple[str, str], Changed], old: dict[str, Any], new: dict[str, Any]) -> None:
    key = (old["provider"], model_of(old) or "")
    one = found.setdefault(key, Changed(*key))
    one.calls += 1
    one.unpriced += old["price_status"] != "priced"
    one.before += old["cost"] or 0
    one.after += new["cost"]
