"""Starts the servers, waits until each answers, watches them, stops them together."""

import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NoReturn

from spanstack import children
from spanstack.output import say
from spanstack.services import Service, environment_of

READY_SECONDS = 60.0
WATCH_SECONDS = 0.3


class Failure(Exception):  # noqa: N818  (of a server, not of ours)
    """A server died or never answered. The message says which, and the last of what it said."""


class Supervisor:
    """The running servers, in the order in which they were started."""

    def __init__(self, logs: Path) -> None:
        """`logs` is the directory of their output, one file each, of this run only."""
        self._logs = logs
        self._running: list[tuple[Service, subprocess.Popen[bytes]]] = []

    @property
    def pids(self) -> dict[str, int]:
        """Process ids by name of server."""
        return {service.name: process.pid for service, process in self._running}

    def start(self, services: list[Service]) -> None:
        """Starts all servers and returns once each has answered."""
        for service in services:
            process = children.spawn(service.command, self._log(service), environment_of(service), self._logs)
            self._running.append((service, process))
        for service in services:
            if not children.wait_until(partial(self._is_ready, service), READY_SECONDS):
                self._fail(service, f"did not answer on {service.ready_url} within {READY_SECONDS:.0f} s")

    def watch(self) -> NoReturn:
        """Returns never: raises Failure as soon as one server has ended."""
        while True:
            self._check()
            time.sleep(WATCH_SECONDS)

    def stop(self) -> None:
        """Stops all servers, the collector first, so that it can hand over what it holds."""
        while self._running:
            _, process = self._running.pop()
            children.stop(process)

    def _is_ready(self, service: Service) -> bool:
        self._check()
        return answers(service.ready_url)

    def _check(self) -> None:
        for service, process in self._running:
            code = process.poll()
            if code is not None:
                self._fail(service, f"ended by signal {-code}" if code < 0 else f"ended with exit code {code}")

    def _fail(self, service: Service, what: str) -> NoReturn:
        log = self._log(service)
        lines = "".join(f"\n    {line}" for line in children.last_lines(log))
        raise Failure(f"{service.name} {what}; the rest of the stack is stopped. The end of {log}:{lines}")

    def _log(self, service: Service) -> Path:
        return self._logs / f"{service.name}.log"


@contextmanager
def supervised(logs: Path) -> Iterator[Supervisor]:
    """A supervisor whose servers are stopped at the end of the block, however it ends."""
    supervisor = Supervisor(logs)
    try:
        yield supervisor
    finally:
        if supervisor.pids:
            say("Stopping the stack.")
        supervisor.stop()


def answers(url: str) -> bool:
    """Whether a GET of `url` succeeds."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback needs no proxy
    try:
        with opener.open(url, timeout=2):
            return True
    except OSError:  # also what an answer other than 2xx raises
        return False
