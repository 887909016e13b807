"""The process of one contender: sets itself up, then does on request what the driver asks, one JSON line each way.

    {"kind": "chat", "calls": 60}  ->  {"thread": s, "process": s}      CPU seconds of a round
    {"kind": "rss"}                ->  {"rss": bytes}                   resident memory, with nothing waiting

Its first line says what it is and proves that it does what its row claims: what one call of each kind exported.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import socket
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

from bench import subjects
from bench.contenders import BY_NAME, is_bare

WARM_UP = {"chat": 200, "stream": 40, "embeddings": 200}


def _no_network(*_args: object) -> NoReturn:
    raise OSError("the benchmark lets nothing out")


def _resident() -> int:
    """Bytes of memory that this process holds."""
    pages = Path("/proc/self/statm").read_text("ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


class Subject:
    """A contender that has been set up. A bare client has no telemetry, and none is imported for it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._acts = subjects.subject(name)
        self._telemetry = None if is_bare(name) else importlib.import_module("bench.telemetry")

    def flush(self) -> None:
        """Let everything that waits be done."""
        if self._telemetry is not None:
            self._telemetry.flush()

    def measured(self, kind: str, calls: int) -> dict[str, float]:
        """CPU seconds of so many calls: of this thread, and of the process with everything that they leave to do."""
        act = self._acts[kind]
        gc.collect()
        process, thread = time.process_time(), time.thread_time()
        for _ in range(calls):
            act()
        thread = time.thread_time() - thread
        self.flush()
        return {"thread": thread, "process": time.process_time() - process}

    def resident(self) -> dict[str, float]:
        """Memory, with everything exported and collected."""
        self.flush()
        gc.collect()
        return {"rss": _resident()}

    def hello(self) -> dict[str, Any]:
        """Versions and proof, after a warm-up."""
        for kind, calls in WARM_UP.items():
            self.measured(kind, calls)
        gc.collect()
        gc.freeze()
        proof = self._telemetry.proof(self._acts) if self._telemetry else {}
        return {"version": version(BY_NAME[self._name].shown), "client": version("openai"), "proof": proof}

    def answer(self, request: dict[str, Any]) -> dict[str, float]:
        """Do what a line of the driver asks."""
        return self.resident() if request["kind"] == "rss" else self.measured(request["kind"], request["calls"])


def main(name: str) -> None:
    """Serve the driver until it closes the pipe. Whatever else is printed goes to standard error."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    setattr(socket.socket, "connect", _no_network)  # noqa: B010  mypy: a method is assigned
    subject = Subject(name)
    print(json.dumps(subject.hello()), file=replies, flush=True)
    for line in sys.stdin:
        print(json.dumps(subject.answer(json.loads(line))), file=replies, flush=True)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
