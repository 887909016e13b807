"""Leases of real processes: on a full disk, and stopped past the end of a lease."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from tests.support.clock import Clock
from tests.support.leasing import RUN, Host

from spanledger.budget.sqlite import SqliteStore
from spanledger.budget.store import Figures

SCRIPT = """
import resource, sys
from pathlib import Path
from spanledger.budget.lease import LeasedStore, Terms
from spanledger.budget.sqlite import SqliteStore
from spanledger.budget.store import *
path, folder = Path(sys.argv[1]), Path(sys.argv[2])
terms = Terms(every=None, warm=0, ttl=float(sys.argv[3]), first=int(sys.argv[4]))
store = LeasedStore(SqliteStore(path), folder, terms)
claims = [Claim(Counter('run', 'r1', 'r1'), 10, 10**9)]
def spend(hold):
    assert store.reserve(hold, claims, 60) is None
    leased = hold in store._books.open
    store.settle(hold, claims, [1])
    return leased
"""


def run(host: Host, code: str, ttl: float = 60, first: int = 16) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SCRIPT + code, str(host.path), str(host.folder), str(ttl), str(first)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_on_a_full_disk_holds_that_cannot_be_written_down_go_to_the_centre(host: Host) -> None:
    """The log fills the room that a file may take; the database takes less of it."""
    code = (
        "hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))\n"
        "print(next(number for number in range(10_000) if not spend(f'h{number}')))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))\n"
        "print(spend('there is room again'))\n"
        "store.close()\n"
    )
    told, error = run(host, code, first=20_000).communicate(timeout=60)
    number, again = told.split()
    assert int(number) > 1_000
    assert again == "True"
    assert error.count("lease log failed") == 1
    assert "No space left on device" in error
    assert host.centre.figure(RUN) == Figures(committed=int(number) + 2)
    assert list(host.centre.gaps()) == []


def test_a_process_that_was_stopped_past_its_lease_neither_spends_nor_loses_it(tmp_path: Path) -> None:
    host = Host(tmp_path, Clock())
    code = "print(spend('a'), flush=True)\ninput()\nprint(spend('b'), flush=True)\nstore.close()\n"
    process = run(host, code, ttl=0.5)
    assert process.stdout is not None
    assert process.stdout.readline() == "True\n"
    os.kill(process.pid, signal.SIGSTOP)
    threading.Event().wait(0.6)
    centre = SqliteStore(host.path)
    assert centre.figure(RUN) == Figures(committed=160), "charged, as it may have been spent"
    os.kill(process.pid, signal.SIGCONT)
    told, error = process.communicate("go\n", timeout=60)
    assert (told, error) == ("False\n", "")
    assert centre.figure(RUN) == Figures(committed=2)
    centre.close()
