"""What a running app tells, as it comes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from spanledger.pipeline.feed import Told, read

#: Bytes that are read at a time.
PIECE = 1024**2


class Follower:
    """Reads a file to whose end others write. Half a line waits for its other half."""

    def __init__(self, file: Path) -> None:
        self._file = file.open("rb")
        self._rest = b""

    def new(self) -> Iterator[Told]:
        """What was told since it was last asked."""
        while piece := self._file.read(PIECE):
            *lines, self._rest = (self._rest + piece).split(b"\n")
            yield from (told for line in lines if (told := read(line)) is not None)

    def close(self) -> None:
        """Read no more."""
        self._file.close()
