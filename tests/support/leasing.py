"""One host with processes that lease, in one interpreter: to see what they promise beyond what every store does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.support.clock import Clock

from spanledger.budget.lease import LeasedStore, Terms
from spanledger.budget.sqlite import SqliteStore
from spanledger.budget.store import Claim, Counter, Settled

RUN = Counter("run", "r1", "r1")
DAY = Counter("tenant/day", "acme", "2026-11-21")
TERMS = Terms(every=None, warm=0)


def claim(amount: int = 10, limit: int | None = 10_000, counter: Counter = RUN) -> Claim:
    return Claim(counter, amount, limit)


class Host:
    """One host: a file, and the processes that lease from it."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.path, self.folder, self.clock = folder / "budgets.sqlite", folder / "leases", clock
        self.centre = SqliteStore(self.path, clock=clock)
        self.born: list[LeasedStore] = []

    def process(self, terms: Terms = TERMS) -> LeasedStore:
        self.born.append(LeasedStore(SqliteStore(self.path, clock=self.clock), self.folder, terms, self.clock))
        return self.born[-1]

    def kill(self, store: LeasedStore) -> None:
        """As the kernel does it: files are closed, and with them locks end."""
        store._books.log.forget()
        store.centre.close()
        self.born.remove(store)

    def logs(self) -> list[Path]:
        return list(self.folder.glob("*"))


def spend(store: LeasedStore, hold: str, used: int, claims: Sequence[Claim] = (claim(),)) -> Settled:
    assert store.reserve(hold, claims, 60) is None
    return store.settle(hold, claims, [used] * len(claims))


def beat(store: LeasedStore) -> None:
    store._keeper.flush("needed")


def is_leased(store: LeasedStore, hold: str) -> bool:
    return hold in store._books.open
