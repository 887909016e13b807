"""Real Redis servers on free ports of loopback, from the distribution's package, installed if need be."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from spanstack import packages
from tests.support.waiting import until

HOST = "127.0.0.1"


class RedisServer:
    """A server with a directory of its own. It can be stopped, started again, frozen and killed."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.port = _free_port()
        self.options = options
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}/0"

    def start(self) -> None:
        [program] = packages.ensure(packages.REDIS)
        command = [str(program), "--port", str(self.port), "--bind", HOST, "--dir", str(self.folder), "--save", ""]
        command += ["--enable-debug-command", "yes"]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen([*command, *self.options], stdout=log, stderr=log)
        _until_it_listens(self.port, self._process, self.folder / "log")

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


def _free_port() -> int:
    """A node of a cluster takes the port that is 10,000 higher, too."""
    while True:
        with socket.socket() as one:
            one.bind((HOST, 0))
            port = int(one.getsockname()[1])
        if port < 55_000:
            return port


def _until_it_listens(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    def listens() -> bool:
        assert process.poll() is None, log.read_text()
        with socket.socket() as one:
            return one.connect_ex((HOST, port)) == 0

    assert until(listens), log.read_text()
