"""Locks on files, which end with the process that has them."""

from __future__ import annotations

import os
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: no lease is taken there
    AVAILABLE = False
else:
    AVAILABLE = True


def try_lock(file: int) -> bool:
    """Lock an open file for this process, unless somebody else has it. Raises OSError where there are no locks."""
    if not AVAILABLE:
        raise OSError("files cannot be locked on this system")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_of(file: int, path: Path) -> bool:
    """Whether an open file is the one that now has this name."""
    try:
        there, here = path.stat(), os.fstat(file)
    except OSError:
        return False
    return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)
