"""From claims to requests, and from what Redis answers to values. Amounts travel as text: see lua/1_integers.lua."""

from __future__ import annotations

import json
from collections import Counter as Sums
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from spanledger.budget.retention import DAY, past
from spanledger.budget.store import Claim, Counter, Denied, Entry, Figures, Gap, Hold, StoreError

#: A run that nothing was charged to for so long is forgotten, in seconds.
RUNS = 90 * DAY
_BITS = 63


class Answer(NamedTuple):
    """What came back: the lineage and the last change of the server, its clock, and what was asked for."""

    lineage: str
    changes: int
    now: float
    found: Any


def number(amount: int) -> str:
    """An amount on its way to Redis."""
    if amount.bit_length() > _BITS:
        raise StoreError(f"budget store: {amount} is more than 64 bits hold")
    return str(amount)


def asked(claims: Sequence[Claim]) -> list[dict[str, object]]:
    """Claims as a request has them; what says nothing is left out."""
    found: list[dict[str, object]] = []
    for claim in claims:
        one: dict[str, object] = {"counter": claim.counter.key, "amount": number(claim.amount)}
        if claim.limit is not None:
            one["limit"] = number(claim.limit)
        if claim.also:
            one["also"] = [counter.key for counter in claim.also]
        if claim.warns:
            one["warns"] = [number(amount) for amount in claim.warns]
        if claim.sticky:
            one["sticky"] = True
        found.append(one)
    return found


def denied(answer: bytes) -> Denied | None:
    """A refusal; None where there is none."""
    if not answer:
        return None
    told = json.loads(answer)
    return Denied(
        index=told["index"],
        kind=told["kind"],
        limit=int(told["limit"]),
        committed=int(told["committed"]),
        held=int(told["held"]),
        needed=int(told["needed"]),
        halted=told["halted"],
    )


def figures(line: bytes) -> Figures:
    """A counter."""
    committed, held, _, _, raised, halted, refused, _ = line.split(b" ")
    limit = None if raised == b"-" else int(raised)
    return Figures(int(committed), int(held), limit, halted == b"1", int(refused))


def counters(flat: Sequence[bytes]) -> dict[Counter, Figures]:
    """A hash of counters."""
    return {Counter.of(key.decode()): figures(line) for key, line in pairs(flat)}


def pairs(flat: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """A hash as Redis sends it: names and values in turn."""
    return zip(flat[::2], flat[1::2], strict=True)


def hold(name: bytes, told: bytes) -> Hold:
    """A hold. A list without anything in it comes from Lua as an object."""
    kept = json.loads(told)
    return Hold(
        id=name.decode(),
        counters=tuple(Counter.of(key) for key in kept["counters"]),
        amounts=tuple(int(amount) for amount in kept["amounts"]),
        expires=float(kept["expires"]),
        owner=kept["owner"],
        state=kept["state"],
        charged=tuple(int(amount) for amount in kept["charged"]) if "charged" in kept else None,
    )


def entry(told: bytes) -> Entry:
    """A line of the audit."""
    kept: Mapping[str, Any] = json.loads(told)
    amount = int(kept["amount"]) if "amount" in kept else None
    return Entry(float(kept["at"]), Counter.of(kept["counter"]), kept["action"], amount, kept["reason"], kept["who"])


def gaps(counted: Sequence[bytes], journal: Sequence[bytes]) -> Iterator[Gap]:
    """Where counters are not what base and holds add up to."""
    rows = {Counter.of(key.decode()): line.split(b" ") for key, line in pairs(counted)}
    committed = Sums({counter: int(row[2]) for counter, row in rows.items()})
    held = Sums[Counter]()
    for name, told in pairs(journal):
        one = hold(name, told)
        figure, amounts = (held, one.amounts) if one.charged is None else (committed, one.charged)
        for counter, amount in zip(one.counters, amounts, strict=True):
            figure[counter] += amount
    for counter in rows.keys() | committed.keys() | held.keys():
        row = rows.get(counter, (b"0", b"0"))
        if int(row[0]) != committed[counter]:
            yield Gap(counter, "committed", int(row[0]), committed[counter])
        if int(row[1]) != held[counter]:
            yield Gap(counter, "held", int(row[1]), held[counter])


def outlived(shown: Iterable[tuple[bytes, bytes]], now: float) -> dict[str, str]:
    """Of the counters shown, those that may be forgotten."""
    found = {}
    for key, line in shown:
        name, row = key.decode(), line.split(b" ")
        if int(row[1]) == 0 and past(Counter.of(name), now - float(row[7]), RUNS):
            found[name] = line.decode()
    return found
