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
from spanledger.budget.memory import MemoryStore
from spanledger.budget.opening import open_store
from spanledger.budget.redis import RedisStore
from spanledger.budget.sqlite import SqliteStore
from spanledger.budget.store import Claim, Counter, Store

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
FULL = [replace(claim, limit=10) for claim in CLAIMS]
TTL = 600.0
#: Microseconds, of the memory store: what the guard itself adds, wherever the counters are.
BOTH, REFUSAL = 5.0, 20.0
PROCESSES = (1, 2, 4, 8)
#: Pauses of an app between two calls of each process, in seconds: none, and that of a quick model.
PAUSES = (0.0, 0.02)

_gate: list[object] = []


@dataclass(frozen=True, slots=True)
class Store5:
    """CPU microseconds of a store, undisturbed: a reservation and its settlement, and a refusal."""

    name: str
    reserve: float
    settle: float
    refusal: float


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
        stores: dict[str, Store] = {
            "memory": MemoryStore(),
            "SQLite": SqliteStore(Path(folder) / "budgets.sqlite"),
            "Redis": RedisStore(url),
        }
        found: dict[str, list[list[float]]] = {name: [[], [], []] for name in stores}
        for _ in range(rounds):
            for name, store in stores.items():
                for times, took in zip(found[name], _round(store, calls), strict=True):
                    times.append(took)
        for store in stores.values():
            store.close()
    return [Store5(name, *(undisturbed(times) * 1e6 for times in found[name])) for name in stores]


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
    """The contention curves of the stores that processes share: 1 to 8, with and without a pause in their calls."""
    return [
        _crowd(store, processes, pause, seconds)
        for store in ("SQLite file", "Redis")
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
        url = redis if store == "Redis" else f"sqlite:{folder}/budgets.sqlite"
        tasks = [pool.submit(_spend, url, pause, seconds) for _ in range(processes)]
        took = sorted(time for task in tasks for time in task.result())
    return Crowd(
        store, processes, pause, len(took) / seconds, statistics.median(took) * 1e3, took[len(took) * 99 // 100] * 1e3
    )


def _ready(gate: object) -> None:
    _gate.append(gate)


def _spend(url: str, pause: float, seconds: float) -> list[float]:
    """How long each reservation took that this process got done."""
    store = open_store(url)
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
    memory = found[0]
    both = memory.reserve + memory.settle
    return [
        Verdict(f"reserve + settle over 5 counters in memory: at most {BOTH:.0f} µs", f"{both:.1f} µs", both <= BOTH),
        Verdict(f"a refusal: at most {REFUSAL:.0f} µs", f"{memory.refusal:.1f} µs", memory.refusal <= REFUSAL),
    ]
