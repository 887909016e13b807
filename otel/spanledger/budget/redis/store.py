"""Counters in a Redis that all hosts share."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from spanledger.budget.redis import reading
from spanledger.budget.redis.address import Address
from spanledger.budget.redis.notes import RedisNotes
from spanledger.budget.redis.reading import Answer, number
from spanledger.budget.redis.server import Server, UnaskedError
from spanledger.budget.redis.session import Session
from spanledger.budget.retention import DAY
from spanledger.budget.search import Search, chosen
from spanledger.budget.store import Claim, Counter, Denied, Entry, Figures, Gap, Hold, Settled, StoreError

#: Seconds that a hold is remembered after its end: until then a second settlement is known as one.
KEPT = DAY
#: After so many settlements a process tidies up, more than these have left behind.
_TIDY_EVERY = 64
_HOLDS, _COUNTERS = 2 * _TIDY_EVERY, 16 * _TIDY_EVERY
#: How many holds a script charges at once, and how many counters or changes it looks at.
_AT_ONCE = 1000


class RedisStore:
    """Counters in the Redis at `url`, which is reached at the first use. Every method does what `Store` says.

    What a method has done is as durable as that Redis makes it. Should it lose something that it had acknowledged, the
    next request of a process that knows better is not answered before that process has put back what it knows.
    `clock` tells seconds since the epoch; without it the server's clock decides.
    """

    shared = True

    def __init__(self, url: str, *, clock: Callable[[], float] | None = None) -> None:
        self._session = Session(Server(Address.of(url)), clock)
        self.notes = RedisNotes(self._session)
        self._until_tidy = random.randrange(_TIDY_EVERY)
        self._looked_at = "0"

    def now(self) -> float:
        """Seconds since the epoch by the server's clock, as far as it is known."""
        return self._session.now()

    def reserve(self, hold: str, claims: Sequence[Claim], ttl: float) -> Denied | None:
        """Take a hold of all claims or of none."""
        self._session.known.trust(hold)
        try:
            answer = self._session.ask("reserve", hold=hold, claims=reading.asked(claims), ttl=ttl)
        except UnaskedError:
            raise
        except StoreError:
            self._session.known.doubt(hold)
            raise
        refusal = reading.denied(answer.found)
        if refusal is None:
            self._session.known.taken(hold, _keys(claims), _amounts(claims), answer.now + ttl)
        return refusal

    def settle(self, hold: str, claims: Sequence[Claim], actual: Sequence[int]) -> Settled:
        """End a hold and charge what was used."""
        self._session.known.trust(hold)
        used = [number(amount) for amount in actual]
        answer = self._session.ask(
            "settle", hold=hold, claims=reading.asked(claims), actual=used, token=uuid.uuid4().hex
        )
        return self._settled(hold, claims, answer)

    def _settled(self, hold: str, claims: Sequence[Claim], answer: Answer) -> Settled:
        told = json.loads(answer.found)
        spent = {key: int(amount) for key, amount in zip(_keys(claims), told.get("spent", ()), strict=False)}
        self._session.known.ended(hold, answer.lineage, answer.changes, spent)
        if not told["first"]:
            return Settled(first=False)
        self._tidy(answer.now)
        crossed = tuple((claims[index].counter, int(amount)) for index, amount in told.get("crossed", ()))
        return Settled(late=told["late"], crossed=crossed)

    def convert(
        self, hold: str, part: str, claims: Sequence[Claim], spent: Sequence[int], keep: Sequence[int], ttl: float
    ) -> Settled:
        """Charge part of a hold and keep the rest."""
        known, amounts = self._session.known, [number(amount) for amount in keep]
        said: dict[str, Any] = {
            "spent": [number(amount) for amount in spent],
            "keep": amounts,
            "token": uuid.uuid4().hex,
        }
        known.trust(hold)
        answer = self._session.ask("convert", hold=hold, part=part, claims=reading.asked(claims), ttl=ttl, **said)
        if any(keep):
            known.kept(hold, _keys(claims), list(keep), answer.now + ttl)
        else:
            known.ended(hold, answer.lineage, answer.changes, {})
        return self._settled(part, claims, answer)

    def refuse(self, refused: Mapping[Counter, int]) -> None:
        """Count refusals."""
        self._session.ask("refuse", refused={counter.key: times for counter, times in refused.items()}, again=False)

    def release(self, hold: str) -> None:
        """End a hold and charge nothing."""
        answer = self._session.ask("release", hold=hold)
        self._session.known.ended(hold, answer.lineage, answer.changes, {})

    def extend(self, hold: str, claims: Sequence[Claim], ttl: float) -> Denied | None:
        """Hold more, for longer."""
        self._session.known.trust(hold)
        answer = self._session.ask("extend", hold=hold, claims=reading.asked(claims), ttl=ttl, token=uuid.uuid4().hex)
        refusal = reading.denied(answer.found)
        if refusal is None:
            self._session.known.grown(hold, _keys(claims), _amounts(claims), answer.now + ttl)
        return refusal

    def expire(self) -> int:
        """Charge the holds whose time is over."""
        total = 0
        while True:
            some = int(self._session.ask("expire").found)
            total += some
            if some < _AT_ONCE:
                return total

    def figures(self) -> dict[Counter, Figures]:
        """Every counter."""
        return reading.counters(self._session.ask("figures").found)

    def search(self, search: Search) -> dict[Counter, Figures]:
        """The counters of some scope values of a budget.

        They are chosen here, out of all there are: a hash of Redis has no order, and to keep an index of how full each
        is would be work for every settlement. They come some at a time, so that nobody else waits for long, and so not
        all as of one moment.
        """
        return chosen(search, self._scanned())

    def _scanned(self) -> Iterator[tuple[Counter, Figures]]:
        self.expire()
        cursor = "0"
        while True:
            at, shown = self._session.ask("scan", cursor=cursor, number=_AT_ONCE).found
            yield from reading.counters(shown).items()
            cursor = at.decode()
            if cursor == "0":
                return

    def figure(self, counter: Counter) -> Figures:
        """One counter."""
        line = self._session.ask("figure", counter=counter.key).found
        return reading.figures(line) if line else Figures()

    def holds(self) -> Iterable[Hold]:
        """The open and the expired holds."""
        return [reading.hold(name, told) for name, told in reading.pairs(self._session.ask("holds").found)]

    def raise_limit(self, counter: Counter, limit: int, *, reason: str, who: str) -> None:
        """Let another limit win, and end a halt."""
        text, said = number(limit), {"reason": reason, "who": who}
        self._session.ask("limit", counter=counter.key, limit=text, amount=text, action="raise", again=False, **said)

    def reset(self, counter: Counter, *, reason: str, who: str) -> None:
        """Let the configured limit hold again, and end a halt."""
        self._session.ask("limit", counter=counter.key, limit="-", action="reset", reason=reason, who=who, again=False)

    def adjust(self, counter: Counter, delta: int, *, reason: str, who: str) -> None:
        """Correct what was spent; the audit has what the correction came to."""
        said = {"delta": number(delta), "reason": reason, "who": who}
        answer = self._session.ask("adjust", counter=counter.key, again=False, **said)
        self._session.known.spent(answer.lineage, answer.changes, {counter.key: int(answer.found)})

    def audit(self) -> Iterable[Entry]:
        """Every change by hand, every halt and every repair."""
        return [reading.entry(told) for told in self._session.ask("audit").found]

    def history(self, of: Sequence[str], before: int | None, number: int) -> list[tuple[int, Entry]]:
        """The last of these changes before a place. Where they are far apart the audit is read some at a time."""
        found: list[tuple[int, Entry]] = []
        place = -1 if before is None else max(before, 0)
        while place and len(found) < number:
            rest = number - len(found)
            place, told = self._session.ask("history", of=of, before=place, number=rest, look=_AT_ONCE).found
            found += [(int(at), reading.entry(entry)) for at, entry in reading.pairs(told)]
        return found

    def gaps(self) -> Iterable[Gap]:
        """Where counters and holds disagree."""
        return list(reading.gaps(*self._session.ask("books").found))

    def close(self) -> None:
        """Close the connections; they are made again by the next operation."""
        self._session.close()

    def _tidy(self, now: float) -> None:
        """Forget what is past, a little at a time. Should that fail, the next time will do."""
        self._until_tidy -= 1
        if self._until_tidy >= 0:
            return
        self._until_tidy = _TIDY_EVERY
        with suppress(StoreError):
            answer = self._session.ask("tidy", kept=KEPT, holds=_HOLDS, counters=_COUNTERS, cursor=self._looked_at)
            cursor, shown = answer.found
            self._looked_at = cursor.decode()
            if lines := reading.outlived(reading.pairs(shown), now):
                self._session.ask("forget", lines=lines)


def _keys(claims: Sequence[Claim]) -> list[str]:
    return [claim.counter.key for claim in claims]


def _amounts(claims: Sequence[Claim]) -> list[int]:
    return [claim.amount for claim in claims]
