"""The write-ahead log of a process: what it borrowed, and which holds it serves from that.

A file of this process alone, in a folder beside the store's, locked for as long as the process lives: a log that nobody
locks is a dead process's. What is written with `write` survives kill -9; nothing is synced, so a power failure may take
the last records, and the centre then charges the leases when their time is over. A record is a line, a letter and a
JSON array:

    L [lease, id, key]                   a lease is going to be taken of the counter with that key
    h [hold, expires, leases, amounts]   a hold was granted
    e [hold, expires, amounts]           it holds so much more, for longer
    s [hold, used]                       it is over, and used so much of its leases
    p [lease, amount]                    so much was spent beside holds, or taken back
    b [lease, part, spent, keep]         the centre is going to be told
    d [lease]                            the centre knows
    z [lease]                            the lease is over
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Sequence
from contextlib import suppress
from errno import ENOSPC
from pathlib import Path

from spanledger.budget.lease.locks import is_of, try_lock
from spanledger.errors import failed

#: A file of more bytes is written anew with what still counts.
FULL = 64 * 1024
_TRIES = 10


class Log:
    """Opened by `open`; as long as it is not, nothing can be appended. Whoever uses it holds a lock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder
        self._file: int | None = None
        self._broken = False
        self.size = 0

    @property
    def name(self) -> str:
        """Of the file; empty while there is none."""
        return "" if self._file is None else self._path.name

    @property
    def stale(self) -> bool:
        """Whether it should be written anew."""
        return self._broken or self.size > FULL

    def open(self) -> bool:
        """Make the file, unless it is there; whether one can write to it."""
        if self._file is None:
            try:
                self._file, self._path = self._made(".log")
            except OSError as error:
                failed("lease log", error)
                return False
            self.size, self._broken = 0, False
        return not self._broken

    def append(self, record: bytes) -> bool:
        """Write a record in one piece; whether it is there."""
        file = self._file
        if file is None or self._broken:
            return False
        try:
            if os.write(file, record) == len(record):
                self.size += len(record)
                return True
            raise OSError(ENOSPC, os.strerror(ENOSPC))
        except OSError as error:
            failed("lease log", error)
            self._cut(file)
            return False

    def rewrite(self, records: Sequence[bytes]) -> None:
        """Put these records in place of all there are, at one stroke. Where that fails the old ones stay."""
        if self._file is None:
            return
        try:
            file, path = self._made(".new")
        except OSError as error:
            failed("lease log", error)
            return
        data = b"".join(records)
        try:
            if os.write(file, data) != len(data):
                raise OSError(ENOSPC, os.strerror(ENOSPC))
            path.replace(self._path)
        except OSError as error:
            failed("lease log", error)
            path.unlink(missing_ok=True)
            os.close(file)
            return
        os.close(self._file)
        self._file, self.size, self._broken = file, len(data), False

    def close(self) -> None:
        """Remove the file: nothing in it counts any more."""
        if self._file is not None:
            with suppress(OSError):
                self._path.unlink()
            self.forget()

    def forget(self) -> None:
        """Let go of the file and leave it as it is: another process's after a fork."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _made(self, suffix: str) -> tuple[int, Path]:
        """A new file, locked. Somebody who looks for dead processes may be quicker: then another one."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for _ in range(_TRIES):
            path = self.folder / f"{os.getpid()}-{uuid.uuid4().hex[:12]}{suffix}"
            file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            if try_lock(file) and is_of(file, path):
                return file, path
            os.close(file)
        raise OSError(f"{self.folder}: files cannot be locked there")

    def _cut(self, file: int) -> None:
        """Take away half a record, so that the next one begins on a line of its own."""
        try:
            os.ftruncate(file, self.size)
        except OSError as error:
            self._broken = True
            failed("lease log", error)
