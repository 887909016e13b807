"""What stores that judge in Python share: how a counter stands, who refuses a claim, which warnings became due."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from spanledger.budget.judging import judged
from spanledger.budget.store import Claim, Counter, Denied


@dataclass(slots=True)
class Standing:
    """A counter while it is judged. `warned` is the highest amount a warning was given for; -1: none yet."""

    committed: int = 0
    held: int = 0
    limit: int | None = None
    halted: bool = False
    warned: int = -1


def denials(claims: Sequence[Claim], own: Sequence[Standing], others: Mapping[Counter, Standing]) -> list[Denied]:
    """The refusal of every claim that does not fit; empty where all of them do.

    `own` are the standings of the claims' counters, in their order; `others` has those that claims name in `also`.
    """
    found = []
    for index, claim in enumerate(claims):
        standing = own[index]
        committed, held, raised = standing.committed, standing.held, standing.limit
        if claim.also:
            committed, held, raised = _with_others(claim, standing, others)
        denied = judged(index, claim, committed, held, raised, standing.halted)
        if denied is not None:
            found.append(denied)
    return found


def _with_others(claim: Claim, own: Standing, others: Mapping[Counter, Standing]) -> tuple[int, int, int | None]:
    """What is committed, held and raised of a counter and of those that count with it."""
    parts = [own, *(others[counter] for counter in claim.also if counter in others)]
    raised = next((part.limit for part in parts if part.limit is not None), None)
    return sum(part.committed for part in parts), sum(part.held for part in parts), raised


def crossed(
    claims: Sequence[Claim], own: Sequence[Standing], others: Mapping[Counter, Standing]
) -> tuple[tuple[Counter, int], ...]:
    """The warnings that what is committed makes due; each is marked as given.

    What one part of a rolling window warned of, the next parts do not repeat while that part still counts.
    """
    found: list[tuple[Counter, int]] = []
    for index, claim in enumerate(claims):
        if claim.warns:
            standing = own[index]
            committed, warned = standing.committed, standing.warned
            for counter in claim.also:
                if other := others.get(counter):
                    committed += other.committed
                    warned = max(warned, other.warned)
            for amount in claim.warns:
                if warned < amount <= committed:
                    standing.warned = max(standing.warned, amount)
                    found.append((claim.counter, amount))
    return tuple(found)


def owner() -> str:
    """This process, as holds and the audit name it."""
    return f"{_host()}:{os.getpid()}"


@cache
def _host() -> str:
    return socket.gethostname()
