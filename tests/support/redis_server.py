"""Real Redis servers on free ports of loopback, from the distribution's package, installed if need be."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from spanstack import packages
from tests.support.ports import free_port
from tests.support.waiting import until

HOST = "127.0.0.1"
#: A node of a cluster takes the port that is 10,000 higher, too: it must be below those of outgoing connections.
PORTS = range(20_000, 22_700)
READY = b"Ready to accept connections"


class RedisServer:
    """A server with a directory of its own. It can be stopped, started again, frozen and killed."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.port = free_port(PORTS)
        self.options = options
        self._log = folder / "log"
        self._has_run = False
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}/0"

    def start(self) -> None:
        """The first time on another port where somebody was quicker."""
        while not self._starts():
            said = self._log.read_text()
            assert not self._has_run, said
            assert "Address already in use" in said, said
            self.port = free_port(PORTS)
        self._has_run = True

    def _starts(self) -> bool:
        """Whether it runs and takes connections; False once it has ended instead."""
        before = self._log.stat().st_size if self._log.exists() else 0
        [program] = packages.ensure(packages.REDIS)
        command = [str(program), "--port", str(self.port), "--bind", HOST, "--dir", str(self.folder), "--save", ""]
        command += ["--enable-debug-command", "yes"]
        with self._log.open("ab") as log:
            process = self._process = subprocess.Popen([*command, *self.options], stdout=log, stderr=log)
        assert until(lambda: process.poll() is not None or READY in self._log.read_bytes()[before:])
        return process.poll() is None

    def stop(self) -> None:
        """At once, and without saving anything."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It is there, takes connections, and does not answer."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._process.pid, signal.SIGCONT)

    @contextmanager
    def by_hand(self) -> Iterator[redis.Redis]:
        client = redis.Redis(HOST, self.port, protocol=2)
        yield client
        client.close()
