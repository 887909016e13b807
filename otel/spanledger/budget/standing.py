"""What stores that judge in Python share: how a counter stands, who refuses a claim, which warnings became due."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spanledger.budget.store import Claim, Counter, Denied, judged


@dataclass(slots=True)
class Standing:
    """A counter while it is judged. `warned` is the highest amount a warning was given for; -1: none yet."""

    committed: int = 0
    held: int = 0
    limit: int | None = None
    halted: bool = False
    warned: int = -1


NOTHING_YET = Standing()


def denials(claims: Sequence[Claim], standings: Mapping[Counter, Standing]) -> list[Denied]:
    """The refusal of every claim that does not fit; empty where all of them do."""
    found = []
    for index, claim in enumerate(claims):
        own = standings.get(claim.counter, NOTHING_YET)
        committed, held = own.committed, own.held
        for counter in claim.also:
            if other := standings.get(counter):
                committed += other.committed
                held += other.held
        if denied := judged(index, claim, committed, held, own.limit, own.halted):
            found.append(denied)
    return found


def crossed(claims: Sequence[Claim], standings: Mapping[Counter, Standing]) -> tuple[tuple[Counter, int], ...]:
    """The warnings that what is committed makes due, the lowest first; each is marked as given.

    What one part of a rolling window warned of, the next parts do not repeat while that part still counts.
    """
    found: list[tuple[Counter, int]] = []
    for claim in claims:
        if not claim.warns:
            continue
        own = standings[claim.counter]
        parts = [own, *(standings[counter] for counter in claim.also if counter in standings)]
        committed, warned = sum(part.committed for part in parts), max(part.warned for part in parts)
        if due := sorted(amount for amount in claim.warns if warned < amount <= committed):
            own.warned = due[-1]
            found += [(claim.counter, amount) for amount in due]
    return tuple(found)


def owner() -> str:
    """This process, as holds and the audit name it."""
    return f"{socket.gethostname()}:{os.getpid()}"
