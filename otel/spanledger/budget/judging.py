"""The one rule by which every store admits or refuses."""

from __future__ import annotations

from collections.abc import Iterable

from spanledger.budget.store import Claim, Denied, Kind

#: How little hope a refusal leaves, the most hopeful first. Of several refusals the least hopeful is told.
SEVERITY: tuple[Kind, ...] = ("in_flight", "insufficient", "too_large", "exhausted")


def judged(index: int, claim: Claim, committed: int, held: int, raised: int | None, halted: bool) -> Denied | None:
    """The rule: whether a claim fits, given what its counters hold (`also` included) and the limit raised for it."""
    if claim.limit is None:
        return None
    limit = claim.limit if raised is None else raised
    if not halted and committed < limit and committed + held + claim.amount <= limit:
        return None
    kind = _kind(claim.amount, limit, committed, halted)
    final = halted or (claim.sticky and (kind == "exhausted" or (kind == "insufficient" and held == 0)))
    return Denied(index, kind, limit, committed, held, claim.amount, final)


def _kind(amount: int, limit: int, committed: int, halted: bool) -> Kind:
    if halted or committed >= limit:
        return "exhausted"
    if amount > limit:
        return "too_large"
    return "in_flight" if committed + amount <= limit else "insufficient"


def worst(found: Iterable[Denied | None]) -> Denied | None:
    """Of several refusals the one that leaves the least hope; None where nothing was refused."""
    denied = [one for one in found if one is not None]
    return max(denied, key=lambda one: SEVERITY.index(one.kind)) if denied else None
