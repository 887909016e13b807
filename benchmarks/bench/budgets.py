"""What a budget costs a call: reserve and settle over five counters, a refusal, and many processes on one store."""

from __future__ import annotations

import multiprocessing
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from bench.redis_server import redis_server
from bench.result import Verdict, undisturbed
from spanledger.budget.lease import LeasedStore
from spanledger.budget.memory import MemoryStore
from spanledger.budget.opening import open_store
from spanledger.budget.redis import RedisStore
from spanledger.budget.sqlite import SqliteStore
from spanledger.budget.store import Claim, Counter, Lender, Store

#: Five budgets of one call: each has a hard limit that is far away and one warning.
CLAIMS = [
    Claim(Counter(budget, value, window), 1_000, 10**15, warns=(10**14,))
    for budget, value, window in (
        ("run", "r-4f1d", "r-4f1d"),
        ("user/day", "u-17", "2026-11-21"),
        ("tenant/day", "acme", "2026-11-21"),
        ("tenant/month", "acme", "2026-11"),
        ("global", "", "total"),
    )
]
USED = [600] * len(CLAIMS)
#: Five others that it does not fit into.
FULL = [replace(claim, counter=claim.counter._replace(value="full"), limit=10) for claim in CLAIMS]
TTL = 600.0
#: Microseconds, of the memory store: what the guard itself adds, wherever the counters are.
BOTH, REFUSAL = 5.0, 20.0
#: The same from leases: a hold and its settlement are written down.
LEASED = 10.0
PROCESSES = (1, 2, 4, 8)
#: Pauses of an app between two calls of each process, in seconds: none, and that of a quick model.
PAUSES = (0.0, 0.02)

_gate: list[object] = []


@dataclass(frozen=True, slots=True)
class Store5:
    """CPU microseconds of a store, undisturbed: a reservation and its settlement, and a refusal.

    `every`: of reservation and settlement, the mean of all rounds; disturbed, but with all that happens now and then.
    """

    name: str
    reserve: float
    settle: float
    refusal: float
    every: float


@dataclass(frozen=True, slots=True)
class Crowd:
    """So many processes on one store: what all get done in a second, and how long one reservation takes, in ms."""

    store: str
    processes: int
    pause: float
    calls: float
    median: float
    worst: float


def measure(rounds: int = 60, calls: int = 100) -> list[Store5]:
    """The stores of one process, in rounds that take turns."""
    with tempfile.TemporaryDirectory() as folder, redis_server() as url:
        path = Path(folder)
        stores: dict[str, Store] = {
            "memory": MemoryStore(),
            "SQLite": SqliteStore(path / "budgets.sqlite"),
            "SQLite, leased": LeasedStore(SqliteStore(path / "leased.sqlite"), path / "leases"),
            "Redis": RedisStore(url),
            "Redis, leased": LeasedStore(RedisStore(f"{url}?prefix=leased"), path / "redis-leases"),
        }
        found: dict[str, list[list[float]]] = {name: [[], [], []] for name in stores}
        for _ in range(rounds):
            for name, store in stores.items():
                for times, took in zip(found[name], _round(store, calls), strict=True):
                    times.append(took)
        for store in stores.values():
            store.close()
    return [_store5(name, *found[name]) for name in stores]


def _store5(name: str, reserve: Sequence[float], settle: Sequence[float], refusal: Sequence[float]) -> Store5:
    every = statistics.fmean(reserve) + statistics.fmean(settle)
    times = [undisturbed(one) * 1e6 for one in (reserve, settle, refusal)]
    return Store5(name, times[0], times[1], times[2], every * 1e6)


def _round(store: Store, calls: int) -> tuple[float, float, float]:
    ids = [uuid.uuid4().hex for _ in range(calls)]
    times: list[float] = []
    tasks: Sequence[Callable[[str], object]] = (
        lambda hold: store.reserve(hold, CLAIMS, TTL),
        lambda hold: store.settle(hold, CLAIMS, USED),
        lambda hold: store.reserve(hold + "r", FULL, TTL),
    )
    for task in tasks:
        began = time.thread_time()
        for hold in ids:
            task(hold)
        times.append((time.thread_time() - began) / calls)
    return times[0], times[1], times[2]


def crowds(seconds: float = 2.0) -> list[Crowd]:
    """The contention curves: 1 to 8 processes on one budget, with and without leases and a pause in their calls."""
    return [
        _crowd(store, processes, pause, seconds)
        for store in ("SQLite file", "SQLite file, leased", "Redis", "Redis, leased")
        for pause in PAUSES
        for processes in PROCESSES
    ]


def _crowd(store: str, processes: int, pause: float, seconds: float) -> Crowd:
    spawn = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory() as folder,
        redis_server() as redis,
        ProcessPoolExecutor(processes, spawn, _ready, (spawn.Barrier(processes),)) as pool,
    ):
        url = redis if "Redis" in store else f"sqlite:{folder}/budgets.sqlite"
        logs = f"{folder}/leases" if "leased" in store else ""
        tasks = [pool.submit(_spend, url, logs, pause, seconds) for _ in range(processes)]
        took = sorted(time for task in tasks for time in task.result())
    return Crowd(
        store, processes, pause, len(took) / seconds, statistics.median(took) * 1e3, took[len(took) * 99 // 100] * 1e3
    )


def _ready(gate: object) -> None:
    _gate.append(gate)


def _spend(url: str, logs: str, pause: float, seconds: float) -> list[float]:
    """How long each reservation took that this process got done."""
    store = open_store(url)
    if logs:
        assert isinstance(store, Lender)
        store = LeasedStore(store, Path(logs))
    store.figures()
    gate = _gate[0]
    gate.wait()  # type: ignore[attr-defined]
    took, until = [], time.monotonic() + seconds
    while time.monotonic() < until:
        hold = uuid.uuid4().hex
        began = time.perf_counter()
        store.reserve(hold, CLAIMS, TTL)
        took.append(time.perf_counter() - began)
        if pause:
            time.sleep(pause)
        store.settle(hold, CLAIMS, USED)
    store.close()
    return took


def verdicts(found: Sequence[Store5]) -> list[Verdict]:
    """Whether the goals hold."""
    memory, *leased = found[0], *(one for one in found if "leased" in one.name)
    both = memory.reserve + memory.settle
    refusal = max(one.refusal for one in (memory, *leased))
    return [
        Verdict(f"reserve + settle over 5 counters in memory: at most {BOTH:.0f} µs", f"{both:.1f} µs", both <= BOTH),
        *(
            Verdict(
                f"reserve + settle over 5 counters, {one.name}: at most {LEASED:.0f} µs",
                f"{one.reserve + one.settle:.1f} µs; {one.every:.1f} µs in the mean of all rounds",
                one.reserve + one.settle <= LEASED,
            )
            for one in leased
        ),
        Verdict(f"a refusal: at most {REFUSAL:.0f} µs", f"{refusal:.1f} µs", refusal <= REFUSAL),
    ]
