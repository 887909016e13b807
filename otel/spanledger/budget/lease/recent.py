"""The last of what was seen."""

from __future__ import annotations

from collections import deque

#: How many ids are remembered, so that who asks twice is known.
KEPT = 1_024


class Recent:
    """A set of ids that forgets the oldest ones."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._order: deque[str] = deque()

    def __contains__(self, one: str) -> bool:
        return one in self._ids

    def add(self, one: str) -> None:
        """Remember it."""
        self._ids.add(one)
        self._order.append(one)
        if len(self._order) > KEPT:
            self._ids.discard(self._order.popleft())
