"""Hands out the rounds: every contender in its own process, one at a time, A B C D A B C D."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from bench import environments
from bench.contenders import COMMON, REQUIREMENTS, Contender
from bench.subjects import KINDS

HERE = REQUIREMENTS.parent
#: What a contender's environment must not inherit from ours.
_FOREIGN = ("OTEL_", "SPANLEDGER_", "COST_", "TRACELOOP_", "LANGFUSE_", "OPENLIT_", "OPENAI_", "PYTHON", "VIRTUAL_ENV")


class WorkerError(Exception):
    """A contender did not start or stopped; holds the end of what it said."""


def environ(extra: Mapping[str, str]) -> dict[str, str]:
    """The environment of a measured process: ours without what could change it, and what the contender wants."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(_FOREIGN)}
    return {**kept, **COMMON, **extra, "PYTHONPATH": str(HERE), "PYTHONHASHSEED": "0"}


class Worker:
    """The process of one contender."""

    def __init__(self, contender: Contender, python: Path) -> None:
        self.contender = contender
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  closed with the process
        self._process = subprocess.Popen(
            [python, "-m", "bench.worker", contender.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            cwd=HERE,
            env=environ(contender.environ),
        )
        self.hello: dict[str, Any] = {}

    def started(self) -> Worker:
        """Wait until it is warm and has said what it is."""
        self.hello = self._read()
        return self

    def ask(self, kind: str, calls: int = 0) -> dict[str, float]:
        """Let it do a round and wait for the result."""
        assert self._process.stdin is not None
        print(json.dumps({"kind": kind, "calls": calls}), file=self._process.stdin, flush=True)
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._log.seek(0)
            said = self._log.read().decode("utf-8", "replace").strip().splitlines()
            raise WorkerError(said[-1] if said else f"exit code {self._process.wait()}")
        found: dict[str, Any] = json.loads(line)
        return found

    def close(self) -> None:
        """End the process."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()


class Field:
    """The contenders that take part, and why the others do not. A context manager: at its end all processes end."""

    def __init__(self, contenders: Iterable[Contender]) -> None:
        self.workers: dict[str, Worker] = {}
        self.absent: dict[str, str] = {}
        starting = [worker for contender in contenders if (worker := self._start(contender))]
        for worker in starting:
            self._admit(worker)

    def _start(self, contender: Contender) -> Worker | None:
        try:
            return Worker(contender, environments.python(contender.requirements))
        except environments.InstallError as error:
            self.absent[contender.name] = f"does not install: {error}"
            return None

    def _admit(self, worker: Worker) -> None:
        try:
            self.workers[worker.contender.name] = worker.started()
        except WorkerError as error:
            worker.close()
            self.absent[worker.contender.name] = f"does not run: {error}"

    def __enter__(self) -> Field:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_back: TracebackType | None
    ) -> None:
        for worker in self.workers.values():
            worker.close()


#: Microseconds per call of every round, by contender, kind and clock ("thread" or "process").
Rounds = dict[str, dict[str, dict[str, list[float]]]]


def rounds(field: Field, calls: Mapping[str, int], number: int, progress: Iterator[object]) -> Rounds:
    """Measure `number` rounds of `calls` calls of each kind."""
    found: Rounds = {name: {kind: {"thread": [], "process": []} for kind in KINDS} for name in field.workers}
    for _ in range(number):
        for kind in KINDS:
            for name, worker in field.workers.items():
                for clock, seconds in worker.ask(kind, calls[kind]).items():
                    found[name][kind][clock].append(seconds / calls[kind] * 1e6)
        next(progress, None)
    return found


@contextmanager
def alone(contender: Contender) -> Iterator[Worker]:
    """One contender without the others."""
    with Field([contender]) as field:
        if contender.name in field.absent:
            raise WorkerError(field.absent[contender.name])
        yield field.workers[contender.name]
