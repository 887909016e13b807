"""Prompt caching as OpenAI describes it.

A prefix seen before counts as cached, from 1,024 tokens on, in steps of 128.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence

SHORTEST = 1024
STEP = 128


class PromptCache:
    """The prefixes this provider has read, by account and model."""

    def __init__(self, room: int = 50_000) -> None:
        """A cache for `room` prefixes; the oldest are forgotten first."""
        self._room = room
        self._known: OrderedDict[bytes, None] = OrderedDict()

    def read(self, owner: str, tokens: Sequence[str]) -> int:
        """How many leading tokens of this prompt were known; from now on the whole of it is."""
        cached = 0
        for length, digest in _marks(owner, tokens):
            if digest in self._known:
                cached = length
            self._known[digest] = None
            self._known.move_to_end(digest)
        while len(self._known) > self._room:
            self._known.popitem(last=False)
        return cached


def _marks(owner: str, tokens: Sequence[str]) -> Iterator[tuple[int, bytes]]:
    running = hashlib.sha256(owner.encode())
    done = 0
    for length in range(SHORTEST, len(tokens) + 1, STEP):
        running.update("\x1f".join(tokens[done:length]).encode() + b"\x1e")
        done = length
        yield length, running.digest()
