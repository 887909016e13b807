"""A real PostgreSQL on a free port of loopback, from the distribution's package, installed if need be."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from pathlib import Path

import psycopg
from spanstack import packages

HOST = "127.0.0.1"
#: It does not run as root; Debian's package makes this user.
USER = "postgres"


class PostgresServer:
    """A server with a directory of its own, gone with it."""

    def __init__(self) -> None:
        [self._program] = packages.ensure(packages.POSTGRES)
        self._folder = Path(tempfile.mkdtemp(prefix="spanledger-postgres-"))
        self._user = USER if os.geteuid() == 0 else None
        if self._user:
            os.chown(self._folder, pwd.getpwnam(USER).pw_uid, -1)
        with socket.socket() as free:
            free.bind((HOST, 0))
            self.port = int(free.getsockname()[1])
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        data = self._folder / "data"
        if not data.exists():
            initdb = self._program.resolve().with_name("initdb")
            made = [str(initdb), "-D", str(data), "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
            subprocess.run(made, check=True, capture_output=True, user=self._user, cwd="/")
        options = {"listen_addresses": HOST, "port": self.port, "unix_socket_directories": "", "fsync": "off"}
        command = [str(self._program), "-D", str(data), *(f"--{name}={value}" for name, value in options.items())]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, user=self._user, cwd="/")
        until = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(self._by_hand()).close()
                return
            except psycopg.OperationalError:
                assert time.monotonic() < until, (self._folder / "log").read_text()
                assert self._process.poll() is None, (self._folder / "log").read_text()
                time.sleep(0.02)

    def database(self) -> str:
        """The URL of a new, empty database."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self._by_hand(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"postgresql://{USER}@{HOST}:{self.port}/{name}"

    def stop(self) -> None:
        """At once."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()
            self._process = None

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self._folder)

    def _by_hand(self) -> str:
        return f"host={HOST} port={self.port} user={USER} dbname=postgres"
