"""Notes in the Redis of the counters."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice

from spanledger.budget.redis.session import Session

#: Keys that are sent at once: a script keeps everybody else waiting.
_AT_ONCE = 1_000


class RedisNotes:
    """Every method does what `Notes` says. What is given once is not asked for twice where an answer was lost."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def put(self, key: str, value: str, ttl: float) -> None:
        """Remember a value."""
        self._session.ask("note", key=key, value=value, ttl=ttl)

    def peek(self, key: str) -> str | None:
        """What stands under the key."""
        return _one(self._session.ask("peek", key=key).found)

    def take(self, key: str) -> str | None:
        """The same, once."""
        return _one(self._session.ask("take", again=False, key=key).found)

    def first(self, keys: Collection[str], ttl: float) -> set[str]:
        """The keys that are new. Of very many they are asked for in turns."""
        found: set[str] = set()
        left = iter(keys)
        while some := list(islice(left, _AT_ONCE)):
            fresh = self._session.ask("first", again=False, keys=some, ttl=ttl).found
            found.update(key.decode() for key in fresh)
        return found


def _one(found: list[bytes]) -> str | None:
    return found[0].decode() if found else None
