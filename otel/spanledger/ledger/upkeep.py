"""What whoever writes into a database does beside: minutes are closed, and what is too old is forgotten.

Forgetting is the turn of one of all processes now and then. The table `upkeep` says when that is due. A process that
finds it due puts the time off, which only one can do, and so has the turn; at the end it puts it off for longer. A turn
that comes to no end is another's before long.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from sqlalchemy import Engine, select, update

from spanledger.ledger import closing
from spanledger.ledger.retention import Keep, pruning
from spanledger.ledger.schema import upkeep
from spanledger.money import NANO

#: Seconds from the end of a turn to the next.
EVERY = 6 * 3600
#: Seconds between two looks of a process, and those that a turn is put off for by whoever takes it.
LOOK = 600
#: Seconds between two looks for minutes to close.
CLOSE = 60
_mine = upkeep.c.name == "prune"


class Upkeep:
    """The part of a process in it: `step` by step, for one thread, with no connection open in between."""

    def __init__(self, engine: Engine, keep: Keep) -> None:
        self._engine = engine
        self._keep = keep
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
        now = time.time()
        with self._engine.connect().execution_options(reads=True) as connection:
            due = closing.due(connection, now)
        return due and closing.close(self._engine, now)

    def _turns(self) -> Iterator[int]:
        if claimed(self._engine, time.time_ns()):
            yield from pruning(self._engine, self._keep, time.time())
            put_off(self._engine, time.time_ns())


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


def put_off(engine: Engine, now: int) -> None:
    """It was done."""
    with engine.begin() as connection:
        connection.execute(update(upkeep).where(_mine).values(due=now + EVERY * NANO))
