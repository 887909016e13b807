"""How often one caller may ask: so many requests in a sliding window, for all processes of a service together."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from limits import RateLimitItem, parse
from limits.errors import StorageError
from limits.storage import MemoryStorage, Storage, storage_from_string
from limits.strategies import SlidingWindowCounterRateLimiter

from spanledger.errors import failed

#: How the URL of a store begins that is a Redis.
REDIS = ("redis://", "rediss://", "unix://")
#: Seconds that a Redis which does not answer keeps a request waiting, and for which it is then left alone.
_PATIENCE, _REST = 0.25, 30.0


@dataclass(slots=True)
class Rate:
    """Counts by caller. Where the shared count cannot be reached, this process counts for itself."""

    allowed: RateLimitItem
    _shared: SlidingWindowCounterRateLimiter | None
    _own: SlidingWindowCounterRateLimiter = field(
        default_factory=lambda: SlidingWindowCounterRateLimiter(MemoryStorage())
    )
    _rests: float = float("-inf")

    @classmethod
    def of(cls, allowed: str, store: str) -> Rate:
        """As a setting says; counted in the Redis of a store, if it is one."""
        return cls(parse(allowed), _redis(store) if store.startswith(REDIS) else None)

    def wait(self, caller: str) -> float:
        """Count a request; the seconds until the next one is let in, 0 where this one is."""
        if self._shared is not None and time.monotonic() >= self._rests:
            try:
                return self._asked(self._shared, caller)
            except StorageError as error:
                failed("service", error)
                self._rests = time.monotonic() + _REST
        return self._asked(self._own, caller)

    def _asked(self, counter: SlidingWindowCounterRateLimiter, caller: str) -> float:
        if counter.hit(self.allowed, caller):
            return 0.0
        return max(1.0, counter.get_window_stats(self.allowed, caller).reset_time - time.time())


def _redis(url: str) -> SlidingWindowCounterRateLimiter:
    options = {"socket_timeout": _PATIENCE, "socket_connect_timeout": _PATIENCE}
    plain = url.partition("?")[0]  # our own options are none of the library's
    made = storage_from_string(plain, wrap_exceptions=True, key_prefix="spanledger:rate", **options)
    assert isinstance(made, Storage)  # others are asked for by an async scheme
    return SlidingWindowCounterRateLimiter(made)
