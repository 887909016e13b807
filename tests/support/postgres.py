"""A real PostgreSQL server on a free port of loopback, from the distribution's package."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HOST = "127.0.0.1"


@contextmanager
def postgres() -> Iterator[str]:
    """A server with an empty database, and its address. It does not run as root, who lends it a user."""
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="spanledger-postgres-"))
    if user is not None:
        shutil.chown(folder, user)
    try:
        _run([_program("initdb"), "-D", str(folder / "data"), "-U", "app", "-A", "trust", "--no-sync"], user)
        port = _free_port()
        options = f"-h {HOST} -p {port} -k '' -F"
        control = [_program("pg_ctl"), "-D", str(folder / "data"), "-l", str(folder / "log"), "-o", options, "-w"]
        _run([*control, "start"], user)
        try:
            yield f"postgresql://app@{HOST}:{port}/postgres"
        finally:
            _run([*control, "-m", "immediate", "stop"], user)
    finally:
        shutil.rmtree(folder)


def _program(name: str) -> str:
    """A program of the server; Debian keeps them beside each other by version, and none of them on PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    program = shutil.which(name) or (str(found[-1]) if found else None)
    assert program, f"{name} of PostgreSQL is not here: `make test` installs it, or apt-get install postgresql"
    return program


def _run(command: list[str], user: str | None) -> None:
    done = subprocess.run(command, user=user, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, done.stdout.decode()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind((HOST, 0))
        return int(one.getsockname()[1])
