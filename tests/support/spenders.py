"""Processes that spend one budget of a shared store, and what becomes of them: killed, stopped, or left to end.

    python tests/support/spenders.py sqlite:/tmp/some/budgets.sqlite --kills 300
    python tests/support/spenders.py sqlite:/tmp/some/budgets.sqlite --calls 100 --limit 50
    python tests/support/spenders.py sqlite:/tmp/some/budgets.sqlite --rounds 2 --limit 100

Each spender takes a hold over five counters, is billed by a provider that forgets nothing (a line in a file, written in
one piece), and settles. With `--kills` they spend without end and are killed at random, some stopped for longer than
their holds live and continued. With `--rounds` nothing is left to chance: each makes one call that costs its whole hold
and dies before it settles; once the holds are over, as many others do the same. Prints what came of it as JSON.
`--release` is the wrong policy: what is not settled in time is given back. `--lease FOLDER` lets each of them lease,
from its first call on.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import tempfile
import time
import traceback
import uuid
from collections.abc import Callable
from pathlib import Path

from spanledger.budget.lease import LeasedStore, Terms
from spanledger.budget.opening import open_store
from spanledger.budget.store import Claim, Counter, Denied, Lender, Store

COUNTERS = [Counter(budget, "", "total") for budget in ("run", "user", "tenant", "day", "global")]
#: What a hold takes; the provider bills less.
HOLD = 20
TTL = 0.4


class Bill:
    """What the provider billed: a file that every process appends to."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        self._path = path

    def add(self, amount: int, *, leased: bool) -> None:
        os.write(self._file, b"%d %d\n" % (amount, leased))

    def lines(self) -> list[tuple[int, int]]:
        """What each call cost, and whether its hold was served from leases."""
        found = [line.split() for line in self._path.read_text().splitlines()]
        return [(int(amount), int(leased)) for amount, leased in found]


class Spenders:
    """`number` processes at a time, each of which does `work`."""

    def __init__(self, number: int, work: Callable[[], None]) -> None:
        self._work = work
        self._running = [self._born() for _ in range(number)]

    def _born(self) -> int:
        pid = os.fork()
        if pid == 0:
            random.seed()
            try:
                self._work()
            except BaseException:  # noqa: BLE001  a child must not go on as its parent
                traceback.print_exc()
            finally:
                os._exit(0)
        return pid

    def kill_one(self) -> None:
        """And put another in its place."""
        place = random.randrange(len(self._running))
        os.kill(self._running[place], signal.SIGKILL)
        os.waitpid(self._running[place], 0)
        self._running[place] = self._born()

    def stop_one(self, seconds: float) -> None:
        """It sleeps through the end of its hold, and then says what it used."""
        pid = random.choice(self._running)
        os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(pid, signal.SIGCONT)

    def end(self, *, kill: bool) -> None:
        for pid in self._running:
            if kill:
                os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def claims(limit: int) -> list[Claim]:
    return [Claim(counter, HOLD, limit) for counter in COUNTERS]


def attempt(store: Store, bill: Bill, options: argparse.Namespace) -> Denied | None:
    """One attempt; it may die anywhere."""
    hold, wanted, used = f"{time.time()}:{uuid.uuid4().hex}", claims(options.limit), random.randint(1, HOLD)
    if denied := billed(store, bill, options, hold, used):
        return denied
    time.sleep(random.uniform(0, 0.004))
    store.settle(hold, wanted, [used] * len(wanted))
    return None


def billed(store: Store, bill: Bill, options: argparse.Namespace, hold: str, used: int) -> Denied | None:
    """The first half of an attempt: the hold is taken, and the provider has done its work."""
    if options.release:
        give_back(store)
    if denied := store.reserve(hold, claims(options.limit), 1e6 if options.release else TTL):
        return denied
    bill.add(used, leased=isinstance(store, LeasedStore) and hold in store._books.open)
    return None


def give_back(store: Store) -> None:
    """The wrong policy: what is not settled in time is released. The store is told that holds live for ever."""
    for hold in store.holds():
        if hold.state == "open" and float(hold.id.partition(":")[0]) < time.time() - TTL:
            store.release(hold.id)


def crash(store: Store, bill: Bill, options: argparse.Namespace) -> None:
    """Kill and stop until it is enough."""

    def spend() -> None:
        while True:
            if attempt(store, bill, options):
                time.sleep(0.002)

    spenders = Spenders(options.processes, spend)
    for number in range(options.kills):
        time.sleep(random.uniform(0.005, 0.03))
        if number % 20 == 10:
            spenders.stop_one(2 * TTL)
        spenders.kill_one()
    spenders.end(kill=True)


def rounds(store: Store, bill: Bill, options: argparse.Namespace) -> None:
    """All die with a call billed and not settled, and the next come when the holds of the dead are over."""

    def spend() -> None:
        billed(store, bill, options, f"{time.time()}:{uuid.uuid4().hex}", HOLD)
        os.kill(os.getpid(), signal.SIGKILL)

    for _ in range(options.rounds):
        Spenders(options.processes, spend).end(kill=False)
        time.sleep(TTL)


def burst(store: Store, bill: Bill, options: argparse.Namespace) -> None:
    """Every process makes its calls at once."""

    def spend() -> None:
        for _ in range(options.calls):
            attempt(store, bill, options)
        store.close()

    Spenders(options.processes, spend).end(kill=False)


def books(store: Store, bill: Bill, limit: int) -> dict[str, object]:
    """What it came to, once every hold is over."""
    time.sleep(TTL)
    found, lines = list(store.figures().values()), bill.lines()
    return {
        "limit": limit,
        "billed": sum(amount for amount, _ in lines),
        "calls": len(lines),
        "leased": sum(leased for _, leased in lines),
        "committed": [figures.committed for figures in found],
        "held": [figures.held for figures in found],
        "expired": sum(hold.state == "expired" for hold in store.holds()),
        "gaps": len(list(store.gaps())),
    }


def main() -> None:
    """Spend, and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", help="URL of a store that does not exist yet")
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--limit", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--calls", type=int, default=100, help="calls of each process, where nobody is killed")
    parser.add_argument("--release", action="store_true")
    parser.add_argument("--lease", metavar="FOLDER", help="serve holds from leases, with their logs in this folder")
    options = parser.parse_args()
    store = open_store(options.store)
    if options.lease:
        assert isinstance(store, Lender)
        store = LeasedStore(store, Path(options.lease), Terms(ttl=TTL, every=TTL / 4, warm=0))
    with tempfile.TemporaryDirectory() as folder:
        bill = Bill(Path(folder) / "bill")
        (crash if options.kills else rounds if options.rounds else burst)(store, bill, options)
        if options.release:
            time.sleep(TTL)
            give_back(store)
        print(json.dumps(books(store, bill, options.limit)))  # noqa: T201  what it is for


if __name__ == "__main__":
    main()
