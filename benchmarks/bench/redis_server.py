"""A real Redis on loopback, from the distribution's package, installed first where it is missing."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

from bench.environments import ROOT

sys.path.append(str(ROOT / "deploy" / "native"))

from spanstack import packages

HOST = "127.0.0.1"


@contextmanager
def redis_server() -> Iterator[str]:
    """Its URL while it runs; it keeps nothing on disk."""
    [program] = packages.ensure(packages.REDIS)
    with socket.socket() as one:
        one.bind((HOST, 0))
        port = int(one.getsockname()[1])
    with tempfile.TemporaryDirectory() as folder:
        options = ["--port", str(port), "--bind", HOST, "--dir", folder, "--save", ""]
        with subprocess.Popen([str(program), *options], stdout=subprocess.DEVNULL) as process:
            try:
                _wait_for(port)
                yield f"redis://{HOST}:{port}/0"
            finally:
                process.kill()


def _wait_for(port: int) -> None:
    for _ in range(1000):
        with socket.socket() as one:
            if one.connect_ex((HOST, port)) == 0:
                return
        time.sleep(0.01)
    raise TimeoutError("redis-server does not start")
