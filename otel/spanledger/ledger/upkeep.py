"""What whoever writes into a database does beside: minutes are closed, and what is too old is forgotten.

Forgetting is the turn of one of all processes now and then. The table `upkeep` says when that is due. A process that
finds it due puts the time off, which only one can do, and so has the turn; at the end it puts it off for longer. A turn
that comes to no end is another's before long.

What is forgotten is gone, so no clock alone says how old things are: the table has the time of the last turn, too, and
that moves by a day a turn at most. A clock that is a year ahead makes the ledger forget a day too early, and another
one with each turn, until a clock that is right has a turn or somebody notices. After a long rest it takes some turns
until everything that is too old is gone; `spanledger ledger vacuum` goes by the clock at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from sqlalchemy import Engine, insert, select, update

from spanledger.ledger.retention import Keep, pruning
from spanledger.ledger.schema import upkeep
from spanledger.ledger.sums import closing
from spanledger.money import NANO

#: Seconds from the end of a turn to the next.
EVERY = 6 * 3600
#: Seconds between two looks of a process, and those that a turn is put off for by whoever takes it.
LOOK = 600
#: Seconds between two looks for minutes to close.
CLOSE = 60
#: Nanoseconds that the time moves in a turn.
STEP = 86_400 * NANO
_mine, _time = upkeep.c.name == "prune", upkeep.c.name == "time"


class Upkeep:
    """The part of a process in it: `step` by step, for one thread, with no connection open in between.

    `clock` tells nanoseconds since the epoch.
    """

    def __init__(self, engine: Engine, keep: Keep, clock: Callable[[], int] = time.time_ns) -> None:
        self._engine = engine
        self._keep = keep
        self._clock = clock
        self._look = self._close = time.monotonic()
        self._turn: Iterator[int] | None = None

    def step(self) -> bool:
        """Do the next transaction, of closing first and then of a turn, where this process has one.

        Returns whether there may be more to do at once.
        """
        if time.monotonic() >= self._close:
            self._close = time.monotonic() + CLOSE
            if self._closes():
                self._close = time.monotonic()
                return True
        if self._turn is None:
            if time.monotonic() < self._look:
                return False
            self._look = time.monotonic() + LOOK
            self._turn = self._turns()
        if next(self._turn, None) is not None:
            return True
        self._turn = None
        return False

    def _closes(self) -> bool:
        now = self._clock() / NANO
        with self._engine.connect().execution_options(reads=True) as connection:
            due = closing.due(connection, now)
        return due and closing.close(self._engine, now)

    def _turns(self) -> Iterator[int]:
        if claimed(self._engine, self._clock()):
            yield from pruning(self._engine, self._keep, moved(self._engine, self._clock()) / NANO)
            put_off(self._engine, self._clock())


def claimed(engine: Engine, now: int) -> bool:
    """Whether it is due at `now`, nanoseconds since the epoch, and this process is the one to do it.

    A time that lies further ahead than any is put off was written by a clock that was wrong.
    """
    due = ~upkeep.c.due.between(now, now + EVERY * NANO)
    with engine.connect().execution_options(reads=True) as connection:
        if connection.scalar(select(upkeep.c.due).where(_mine, due)) is None:
            return False
    with engine.begin() as connection:
        return connection.execute(update(upkeep).where(_mine, due).values(due=now + LOOK * NANO)).rowcount == 1


def moved(engine: Engine, now: int) -> int:
    """The time that this turn counts back from where the clock says `now`, both in nanoseconds since the epoch."""
    with engine.begin() as connection:
        before: int | None = connection.scalar(select(upkeep.c.due).where(_time))
        if before is None:
            connection.execute(insert(upkeep).values(name="time", due=now))
            return now
        at = min(max(now, before - STEP), before + STEP)
        connection.execute(update(upkeep).where(_time).values(due=at))
        return min(now, at)


def put_off(engine: Engine, now: int) -> None:
    """It was done."""
    with engine.begin() as connection:
        connection.execute(update(upkeep).where(_mine).values(due=now + EVERY * NANO))
