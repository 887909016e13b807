"""The outbox: what a process has to tell the ledger, in a file of its own until the database has it.

A line is written in one piece before the call returns to the app: what is written survives kill -9. Nothing is synced,
so a power failure may take the last lines. The file is locked for as long as its process lives: one that nobody locks
is a dead process's, and whoever finds it drains it. Lines may be drained twice; the database takes each id once.
"""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import ENOSPC
from pathlib import Path

from spanledger.budget.lease.locks import AVAILABLE, is_of, try_lock

#: Bytes that wait at most, while the database cannot be reached: more than a million calls.
FULL = 1024**3
#: Bytes that are read at a time.
PIECE = 4 * 1024**2
SUFFIX = ".jsonl"


class Outbox:
    """Lines of this process in a file of `folder`, which is made with the first line. Safe for threads and signals.

    `full` bytes at most wait there.
    """

    def __init__(self, folder: Path, full: int = FULL) -> None:
        self.folder = folder
        self._full = full
        self._begin()

    def _begin(self) -> None:
        # A signal handler that ends the process may write while its thread is writing.
        self._lock = threading.RLock()
        self._file: int | None = None
        self._path = self.folder
        self._written = 0
        self._drained = 0

    @property
    def waiting(self) -> int:
        """Bytes that were not drained yet."""
        return self._written - self._drained

    def append(self, line: bytes) -> None:
        """Write a line. Raises OSError where that cannot be done; then nothing of it is there."""
        with self._lock:
            if self._file is None:
                self._open()
            if self._written + len(line) > self._full:
                raise OSError(ENOSPC, f"the ledger's outbox {self._path} is full: its database cannot be reached")
            self._write(line)

    def _write(self, line: bytes) -> None:
        assert self._file is not None
        done = 0
        try:
            done = os.write(self._file, line)
            if done != len(line):
                raise OSError(ENOSPC, os.strerror(ENOSPC))
        except OSError:
            if done:
                os.ftruncate(self._file, self._written)
            raise
        self._written += len(line)

    def piece(self) -> bytes:
        """The oldest lines that were not drained, some megabytes at most; empty where there are none."""
        with self._lock:
            if self._file is None or not self.waiting:
                return b""
            found = os.pread(self._file, min(PIECE, self.waiting), self._drained)
        return found[: found.rfind(b"\n") + 1]

    def drained(self, count: int) -> None:
        """The database has the first `count` bytes of what was not drained. A file without others is emptied."""
        with self._lock:
            self._drained += count
            if self._file is not None and not self.waiting:
                os.ftruncate(self._file, 0)
                self._written = self._drained = 0

    def close(self) -> None:
        """Let go of the file, and remove it unless there is something in it that the database does not have."""
        with self._lock:
            if self._file is None:
                return
            if not self.waiting:
                with suppress(OSError):
                    self._path.unlink()
            os.close(self._file)
            self._file = None
            self._written = self._drained = 0

    def forked(self) -> None:
        """In a forked child: the file is its parent's."""
        if self._file is not None:
            with suppress(OSError):
                os.close(self._file)
        self._begin()

    def _open(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            path = self.folder / f"{os.getpid()}-{uuid.uuid4().hex[:12]}{SUFFIX}"
            file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            if _lock(file) and is_of(file, path):  # somebody who looks for dead processes may be quicker
                self._file, self._path = file, path
                return
            os.close(file)

    @property
    def path(self) -> Path | None:
        """Its file; None before the first line."""
        return self._path if self._file is not None else None


def stranded(folder: Path) -> Iterator[Path]:
    """The files of the folder, of the dead and of the living."""
    with suppress(OSError):
        yield from sorted(path for path in folder.iterdir() if path.suffix == SUFFIX)


@contextmanager
def taken(path: Path) -> Iterator[Iterator[bytes]]:
    """What a dead process left in its file, piece by piece; nothing where it is alive.

    The file is removed when the block ends well. Half a line at its end is of a call that never returned.
    """
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        yield iter(())  # another process was quicker
        return
    try:
        if not _lock(file) or not is_of(file, path):
            yield iter(())
            return
        yield _pieces(file)
        path.unlink(missing_ok=True)
    finally:
        os.close(file)


def _pieces(file: int) -> Iterator[bytes]:
    at = 0
    while found := os.pread(file, PIECE, at):
        whole = found.rfind(b"\n") + 1
        if not whole:
            return
        yield found[:whole]
        at += whole


def _lock(file: int) -> bool:
    """Where files cannot be locked, nobody can tell whether a process lives, and each drains what it finds."""
    return try_lock(file) if AVAILABLE else True
