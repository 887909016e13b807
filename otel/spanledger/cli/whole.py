"""Files that commands write: each stands under its name when it is whole, and until then whatever was there before."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import IO


@contextmanager
def whole(path: Path) -> Iterator[IO[bytes]]:
    """A file that is written beside `path`, and takes its place at the end; where that does not come it is removed.

    It keeps the permissions of the file that was there. What is no plain file, such as a pipe, is written as it is.
    Only where the process cannot do anything any more, as after SIGKILL, a file `.spanledger-*.part` stays behind.
    Raises OSError, in words that say so where the folder cannot be written to.
    """
    if path.exists() and not path.is_file():  # what `/dev/stdout` and `>(gzip)` lead to may have no name of its own
        with path.open("wb") as file:
            yield file
        return
    target = Path(os.path.realpath(path))  # a link goes on to be one
    beside = target.with_name(f".spanledger-{secrets.token_hex(8)}.part")
    try:
        with _terminable(), _new(beside) as file:
            if target.exists():
                shutil.copymode(target, beside)
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def _new(beside: Path) -> IO[bytes]:
    try:
        return beside.open("xb")
    except PermissionError as error:
        why = "nothing may be written there, where a file becomes whole before it takes its place; name another folder"
        raise PermissionError(error.errno, why, str(beside.parent)) from error


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM ends the process as Ctrl-C does: by way of everything that is to be put in order."""
    before = signal.signal(signal.SIGTERM, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)
