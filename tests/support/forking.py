"""Scenes of stores and `fork`, each played in a process of its own.

    python tests/support/forking.py SCENE FOLDER REDIS-URL

They fork while threads run, which a test runner must not.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from spanledger.budget.memory import MemoryStore
from spanledger.budget.redis import RedisStore
from spanledger.budget.sqlite import SqliteStore
from spanledger.budget.store import Claim, Counter, Figures, Settled, Store

RUN = Counter("run", "r1", "r1")
TEN = [Claim(RUN, 7, 10)]


class Place(NamedTuple):
    """Where a scene may keep its store."""

    folder: Path
    redis: str


def in_child(work: Callable[[], None]) -> None:
    """Do this in a forked child; fail if it fails, or if it is not done within ten seconds."""
    pid = os.fork()
    if pid == 0:
        threading.Timer(10, os._exit, [3]).start()
        try:
            work()
        except BaseException as error:  # noqa: BLE001  it is told, and the child ends
            print(f"child: {error!r}", file=sys.stderr, flush=True)  # noqa: T201
            os._exit(1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code == 0, f"the child ended with {code}"


def memory_holds_stay_with_the_parent(_: Place) -> None:
    store = MemoryStore()
    store.settle("spent", TEN, [2])
    store.reserve("a", TEN, 60)

    def child() -> None:
        assert store.figure(RUN) == Figures(committed=2)
        assert store.reserve("b", TEN, 60) is None
        assert [hold.id for hold in store.holds()] == ["b"]
        assert list(store.gaps()) == []

    in_child(child)
    assert store.figure(RUN) == Figures(committed=2, held=7)
    assert store.settle("a", TEN, [1]) == Settled()


def _holds_are_everybodys(store: Store) -> None:
    store.reserve("a", TEN, 60)

    def child() -> None:
        assert store.figure(RUN) == Figures(held=7)
        assert store.settle("a", TEN, [1]) == Settled()
        assert store.reserve("b", TEN, 60) is None
        assert next(iter(store.holds())).owner.endswith(f":{os.getpid()}")

    in_child(child)
    assert store.figure(RUN) == Figures(committed=1, held=7)
    assert store.settle("a", TEN, [1]) == Settled(first=False)


def sqlite_holds_are_everybodys(place: Place) -> None:
    _holds_are_everybodys(SqliteStore(place.folder / "budgets.sqlite"))


def redis_holds_are_everybodys(place: Place) -> None:
    _holds_are_everybodys(RedisStore(place.redis))


def sqlite_locks_are_the_childs_own(place: Place) -> None:
    """SQLite keeps a lock on the file while it is open: the kernel must know it as the child's."""
    path = place.folder / "budgets.sqlite"
    store = SqliteStore(path)
    store.figures()

    def child() -> None:
        store.figures()
        file = path.stat().st_ino
        owners = {line.split()[4] for line in Path("/proc/locks").read_text().splitlines() if f":{file} " in line}
        assert str(os.getpid()) in owners

    in_child(child)


def _while_threads_work(store: Store) -> None:
    """Forks in the middle of what other threads do."""
    stop = threading.Event()

    def work(name: int) -> None:
        for number in range(1_000_000):
            if stop.is_set():
                return
            store.reserve(f"{name}.{number}", [Claim(RUN, 1, 10**9)], 60)
            store.settle(f"{name}.{number}", [Claim(RUN, 1)], [1])

    def child() -> None:
        store.reserve("child", [Claim(RUN, 1, 10**9)], 60)
        store.settle("child", [Claim(RUN, 1)], [1])
        assert list(store.gaps()) == []

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(20):
            in_child(child)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert store.figure(RUN).held == 0
    assert list(store.gaps()) == []


def memory_while_threads_work(_: Place) -> None:
    _while_threads_work(MemoryStore())


def sqlite_while_threads_work(place: Place) -> None:
    _while_threads_work(SqliteStore(place.folder / "budgets.sqlite"))


def redis_while_threads_work(place: Place) -> None:
    _while_threads_work(RedisStore(place.redis))


SCENES = {
    scene.__name__: scene
    for scene in (
        memory_holds_stay_with_the_parent,
        sqlite_holds_are_everybodys,
        sqlite_locks_are_the_childs_own,
        memory_while_threads_work,
        sqlite_while_threads_work,
        redis_holds_are_everybodys,
        redis_while_threads_work,
    )
}

if __name__ == "__main__":
    SCENES[sys.argv[1]](Place(Path(sys.argv[2]), sys.argv[3]))
    print("as it should be")  # noqa: T201  what the test looks for
