"""What tests of a Redis in trouble do with it: spend, and hear of every operation why it cannot be done."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.support.redis_server import RedisServer

from spanledger.budget.redis import RedisStore
from spanledger.budget.store import Claim, Counter, Settled, StoreError

RUN = Counter("run", "r1", "r1")
CLAIMS = [Claim(RUN, 7, 1000)]

#: Starts a server of the test's own, with options.
Start = Callable[..., RedisServer]


def spend(store: RedisStore, hold: str, amount: int) -> None:
    assert store.reserve(hold, CLAIMS, 60) is None
    assert store.settle(hold, CLAIMS, [amount]) == Settled()


def refused(store: RedisStore, words: str) -> None:
    """Every operation says what is the matter, in the same words."""
    for operation in (
        lambda: store.reserve("r", CLAIMS, 60),
        lambda: store.extend("r", CLAIMS, 60),
        lambda: store.settle("r", CLAIMS, [1]),
        lambda: store.release("r"),
        lambda: store.adjust(RUN, 1, reason="", who=""),
        store.expire,
        store.figures,
        store.gaps,
    ):
        with pytest.raises(StoreError, match=words):
            operation()
