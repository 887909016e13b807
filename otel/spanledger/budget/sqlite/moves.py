"""What moves between held and committed: a hold and its counters, always together, inside an open transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from spanledger.budget.judging import worst
from spanledger.budget.sqlite import audit, counters, holds
from spanledger.budget.sqlite.holds import Kept
from spanledger.budget.standing import crossed, denials, owner
from spanledger.budget.store import Claim, Counter, Denied, Entry, HoldState


def take(connection: sqlite3.Connection, hold: str, claims: Sequence[Claim], now: float, ttl: float) -> Denied | None:
    """A new hold of all claims, or a refusal."""
    if refusal := _refusal(connection, claims, now):
        return refusal
    kept = Kept(hold, "open", owner(), now + ttl, [claim.counter.key for claim in claims], _amounts(claims))
    counters.change(connection, [(key, 0, amount) for key, amount in zip(kept.keys, kept.amounts, strict=True)], now)
    holds.write(connection, kept, now)
    return None


def add(connection: sqlite3.Connection, kept: Kept, claims: Sequence[Claim], now: float, ttl: float) -> Denied | None:
    """More for an open hold, or a refusal; for one that expired the charge grows, as it was charged itself."""
    if refusal := _refusal(connection, claims, now):
        return refusal
    more = _amounts(claims)
    if kept.charged is None:
        counters.change(connection, [(key, 0, amount) for key, amount in zip(kept.keys, more, strict=True)], now)
        grown = kept._replace(amounts=_sum(kept.amounts, more), expires=now + ttl)
    else:
        counters.change(connection, [(key, amount, 0) for key, amount in zip(kept.keys, more, strict=True)], now)
        grown = kept._replace(charged=_sum(kept.charged, more))
    holds.write(connection, grown, now)
    return None


def end(connection: sqlite3.Connection, kept: Kept, state: HoldState, charged: Sequence[int], now: float) -> None:
    """Charge, in place of what is held or was charged before."""
    if kept.charged is None:
        changes = [(key, new, -had) for key, new, had in zip(kept.keys, charged, kept.amounts, strict=True)]
    else:
        changes = [(key, new - was, 0) for key, new, was in zip(kept.keys, charged, kept.charged, strict=True)]
    counters.change(connection, changes, now)
    holds.write(connection, kept._replace(state=state, charged=list(charged)), now)


def keep(connection: sqlite3.Connection, kept: Kept, amounts: Sequence[int], now: float, ttl: float) -> None:
    """Let a hold that is not over have these amounts from now on, or be over where they are nothing."""
    if not any(amounts):
        end(connection, kept, "settled", amounts, now)
    elif kept.charged is None:
        changes = [(key, 0, new - had) for key, new, had in zip(kept.keys, amounts, kept.amounts, strict=True)]
        counters.change(connection, changes, now)
        holds.write(connection, kept._replace(amounts=list(amounts), expires=now + ttl), now)
    else:
        end(connection, kept, "expired", amounts, now)


def expire(connection: sqlite3.Connection, now: float) -> int:
    """Charge the holds whose time is over; how many."""
    ended = holds.overdue(connection, now)
    for kept in ended:
        end(connection, kept, "expired", kept.amounts, now)
    return len(ended)


def warnings(connection: sqlite3.Connection, claims: Sequence[Claim]) -> tuple[tuple[Counter, int], ...]:
    """The warnings that are due now; nobody is given them again."""
    if not any(claim.warns for claim in claims):
        return ()
    found = counters.standings(connection, claims)
    due = crossed(claims, [found[claim.counter] for claim in claims], found)
    counters.warn(connection, due)
    return due


def _refusal(connection: sqlite3.Connection, claims: Sequence[Claim], now: float) -> Denied | None:
    found = counters.standings(connection, claims)
    refusals = denials(claims, [found[claim.counter] for claim in claims], found)
    if refusals:
        counters.refuse(connection, claims, refusals, now)
        for denied in refusals:
            counter = claims[denied.index].counter
            if denied.halted and not found[counter].halted:
                audit.write(connection, Entry(now, counter, "halt", None, denied.kind, owner()))
    return worst(refusals)


def _amounts(claims: Sequence[Claim]) -> list[int]:
    return [claim.amount for claim in claims]


def _sum(some: Sequence[int], more: Sequence[int]) -> list[int]:
    return [one + another for one, another in zip(some, more, strict=True)]
