"""What it takes to start: import and set-up of spanledger, each time in a fresh process after `import openai`.

With its OTLP exporters on, as an app has it; nothing is sent, because the process ends before a batch is due.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench import environments
from bench.driver import HERE, WorkerError, environ
from bench.probe import FRAMEWORKS

_NO_OTLP = {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"}
_NAMED = {"OTEL_PYTHON_DISTRO": "spanledger", "OTEL_PYTHON_CONFIGURATOR": "spanledger"}


@dataclass(frozen=True, slots=True)
class Run:
    """One process of `bench.probe`. Seconds: `wall` and `cpu` of set-up, `process` and `total_cpu` of all of it.

    `first` is CPU of the first call beyond the second. `installed` counts the frameworks that could be imported.
    """

    wall: float
    cpu: float
    total_cpu: float
    first: float
    installed: int
    modules: list[str]
    process: float


@dataclass(frozen=True, slots=True)
class Start:
    """One way to start: medians in seconds, and which modules of frameworks it imported that the app does not use."""

    where: str
    how: str
    wall: float
    cpu: float
    first: float | None
    imported: tuple[str, ...]

    @property
    def ours(self) -> bool:
        """Whether spanledger is what is started."""
        return not self.how.startswith("OpenTelemetry SDK")


def _run(command: Iterable[str], extra: Mapping[str, str]) -> Run:
    began = time.perf_counter()
    done = subprocess.run(
        list(command),
        cwd=HERE,
        env=environ(extra),
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    process = time.perf_counter() - began
    if done.returncode != 0:
        raise WorkerError((done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1])
    return Run(**json.loads(done.stdout), process=process)


class Place:
    """An environment in which starts are measured. `plain` are runs of an app that only imports openai."""

    def __init__(self, name: str, python: Path, runs: int) -> None:
        self._python = python
        self._runs = runs
        self.plain = [_run(self._probe("openai"), {}) for _ in range(runs)]
        self._name = f"{name}, {self.plain[0].installed} of the frameworks"

    def _probe(self, mode: str) -> list[str]:
        return [str(self._python), "-m", "bench.probe", mode]

    def _unused(self, run: Run) -> tuple[str, ...]:
        new = sorted(set(run.modules) - set(self.plain[0].modules))
        return tuple(module for module in new if any(f"{module}.".startswith(f"{name}.") for name in FRAMEWORKS))

    def in_code(self, how: str, mode: str, extra: Mapping[str, str]) -> Start:
        """`import openai` first, then the import and set-up that `mode` names."""
        found = [_run(self._probe(mode), extra) for _ in range(self._runs)]
        wall, cpu = _median(run.wall for run in found), _median(run.cpu for run in found)
        return Start(self._name, how, wall, cpu, _median(run.first for run in found), self._unused(found[0]))

    def zero_code(self) -> Start:
        """The whole process under `opentelemetry-instrument`, beyond the same process without it."""
        instrument = shutil.which("opentelemetry-instrument", path=str(self._python.parent))
        if instrument is None:
            raise WorkerError(f"{self._python.parent} has no opentelemetry-instrument")
        found = [_run([instrument, *self._probe("openai")], _NAMED) for _ in range(self._runs)]
        if "spanledger" not in found[0].modules:
            raise WorkerError(f"{instrument} did not start spanledger")
        wall = _median(run.process for run in found) - _median(run.process for run in self.plain)
        cpu = _median(run.total_cpu for run in found) - _median(run.total_cpu for run in self.plain)
        return Start(self._name, "opentelemetry-instrument, all of it", wall, cpu, None, self._unused(found[0]))


def _median(values: Iterable[float]) -> float:
    return statistics.median(values)


def measure(runs: int) -> list[Start]:
    """All ways to start, in a small environment and in this one, where the frameworks are."""
    found = []
    for name, python in (("small", environments.python("spanledger")), ("this one", Path(sys.executable))):
        place = Place(name, python, runs)
        found += [
            place.in_code("OpenTelemetry SDK with OTLP", "sdk", {}),
            place.in_code("spanledger.init() with OTLP", "spanledger", {}),
            place.in_code("spanledger.init() without exporters", "spanledger", _NO_OTLP),
            place.zero_code(),
        ]
    return found
