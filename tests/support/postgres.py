"""A real PostgreSQL server on a free port of loopback, from the distribution's package, installed if need be."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spanstack import packages
from tests.support.ports import free_port

HOST = "127.0.0.1"


@contextmanager
def postgres() -> Iterator[str]:
    """A server with an empty database, and its address. It does not run as root, who lends it a user."""
    [server] = packages.ensure(packages.POSTGRES)
    programs = server.resolve().parent  # the others of its version are only there
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="spanledger-postgres-"))
    if user is not None:
        shutil.chown(folder, user)
    try:
        _run([str(programs / "initdb"), "-D", str(folder / "data"), "-U", "app", "-A", "trust", "--no-sync"], user)
        port = free_port()
        options = f"-h {HOST} -p {port} -k '' -F"
        control = [str(programs / "pg_ctl"), "-D", str(folder / "data"), "-l", str(folder / "log"), "-o", options, "-w"]
        _run([*control, "start"], user)
        try:
            yield f"postgresql://app@{HOST}:{port}/postgres"
        finally:
            _run([*control, "-m", "immediate", "stop"], user)
    finally:
        shutil.rmtree(folder)


def _run(command: list[str], user: str | None) -> None:
    done = subprocess.run(command, user=user, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, done.stdout.decode()
