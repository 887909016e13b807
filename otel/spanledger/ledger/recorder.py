"""Writes in process: a call's entry goes to the outbox, and a thread beside brings it from there to the database.

Nothing here waits for the database but `close`, which gets a grace. What the database cannot take now waits in the
outbox; what the outbox cannot take is dropped, counted and logged once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from spanledger.budget import forks
from spanledger.errors import failed
from spanledger.ledger.entry import NOBODY, Line, Maker, read
from spanledger.ledger.outbox import Outbox, stranded, taken

#: Seconds that entries are gathered before they are brought to the database, and until it is tried again in trouble.
GATHER, AGAIN = 0.25, 5.0
#: Seconds that the end of a process waits for the database. What it does not take then stays in the outbox.
GRACE = 1.0


class Sink(Protocol):
    """Takes entries and events into a database."""

    def __call__(self, lines: Sequence[Line]) -> object:
        """Take them all, each id once, or raise."""

    def tidy(self) -> bool:
        """Do a little of what the database needs from time to time, or raise; whether there may be more to do."""


class Keeper(Protocol):
    """Keeps the rows of a process; `maker` says which service they are of."""

    maker: Maker

    def record(self, entry: Line) -> None:
        """Take an entry or event. Never raises."""

    def close(self) -> None:
        """The process ends."""


class Recorder:
    """Takes entries of calls, and events. `connect` makes the sink when it is first needed: it imports much.

    `maker` says which service the entries are of; `drain_now` is there for tests and for the end of a process.
    """

    def __init__(self, folder: Path, connect: Callable[[], Sink], maker: Maker = NOBODY) -> None:
        self.maker = maker
        self._outbox = Outbox(folder)
        self._connect = connect
        self._begin()
        forks.tell(self)

    def _begin(self) -> None:
        self._sink: Sink | None = None
        self._draining, self._tidying = threading.Lock(), threading.Lock()
        self._held: list[threading.Lock] = []
        self._due = threading.Event()
        self._thread: threading.Thread | None = None
        self._closed = False

    def record(self, entry: Line) -> None:
        """Take an entry or event. When this returns it survives the process."""
        try:
            self._outbox.append(entry.line(self.maker))
            if not self._due.is_set():
                self._due.set()
            if self._thread is None:
                self._start()
        except Exception as error:  # noqa: BLE001  contained, without the cost of a context for every call
            failed("ledger", error)

    def recover(self) -> None:
        """Let the thread look for what dead processes left, even if this one never makes a call."""
        if any(True for _ in stranded(self._outbox.folder)):
            self._due.set()
            self._start()

    def _start(self) -> None:
        if self._thread is None and not self._closed:
            thread = threading.Thread(target=self._work, name="spanledger-ledger", daemon=True)
            thread.start()
            self._thread = thread

    def _work(self) -> None:
        self._tried(self.recover_now)
        while not self._closed:
            self._due.wait()
            time.sleep(GATHER)
            self._due.clear()
            if self._closed:
                return
            if self._tried(self.drain_now):
                self._tried(self.tidy_now)
            else:
                self._due.set()
                time.sleep(AGAIN)

    @staticmethod
    def _tried(step: Callable[[], None]) -> bool:
        try:
            step()
        except Exception as error:  # noqa: BLE001  tried again
            failed("ledger", error)
            return False
        return True

    def drain_now(self) -> None:
        """Bring what waits in the outbox to the database; raises what it raises."""
        with self._draining:
            while piece := self._outbox.piece():
                self._take(piece)
                self._outbox.drained(len(piece))

    def tidy_now(self) -> None:
        """Tidy the database until there is no more to do, or something else; raises what it raises.

        Nobody who drains, or ends the process, waits for it.
        """
        more = True
        while more and not self._closed:
            with self._tidying:
                more = self._sink is not None and self._sink.tidy() and not self._due.is_set()

    def recover_now(self) -> None:
        """Bring what dead processes left to the database; raises what it raises."""
        own = self._outbox.path
        for path in stranded(self._outbox.folder):
            if path == own:
                continue
            with self._draining, taken(path) as left:
                for piece in left:
                    self._take(piece)

    def _take(self, piece: bytes) -> None:
        if self._sink is None:
            self._sink = self._connect()
        lines = [found for line in piece.splitlines() if (found := _read(line)) is not None]
        if lines:
            self._sink(lines)

    def close(self) -> None:
        """Bring everything to the database, for as long as the grace lasts; the rest is left to the next process."""
        if self._closed:
            return
        self._closed = True
        self._due.set()
        until = time.monotonic() + GRACE
        if self._outbox.waiting:
            last = threading.Event()
            self._finish(last)
            last.wait(GRACE)
        if self._draining.acquire(timeout=max(0.0, until - time.monotonic())):
            try:
                self._outbox.close()
            finally:
                self._draining.release()

    def _finish(self, last: threading.Event) -> None:
        def finish() -> None:
            self._tried(self.drain_now)
            last.set()

        try:
            threading.Thread(target=finish, name="spanledger-ledger-end", daemon=True).start()
        except RuntimeError:  # an interpreter that ends starts no thread (3.12)
            finish()

    def before_fork(self) -> None:
        """No connection may be open while the process forks."""
        until = time.monotonic() + GRACE
        locks = (self._draining, self._tidying)
        self._held = [lock for lock in locks if lock.acquire(timeout=max(0.0, until - time.monotonic()))]

    def in_parent(self) -> None:
        """Go on."""
        for lock in self._held:
            lock.release()

    def in_child(self) -> None:
        """Begin anew, with an outbox of its own."""
        self._outbox.forked()
        self._begin()


def _read(line: bytes) -> Line | None:
    """What a line says; None, counted, where the line is damaged: the ones after it are taken all the same."""
    try:
        return read(line)
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        failed("ledger", error)
        return None
