"""Many processes on one store: bursts, kill -9, sleepers. No overspend, books that never say less than the bill."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support import spenders

HOLD = spenders.HOLD
#: How many processes are killed; 300 by hand: python tests/support/spenders.py sqlite:FILE --kills 300
KILLS = 60

Spend = Callable[..., dict[str, Any]]


@pytest.fixture(params=["sqlite", "redis"])
def spend(request: pytest.FixtureRequest, tmp_path: Path, redis_url: Callable[[], str]) -> Spend:
    """Lets processes spend on a new store of every kind that processes share."""
    url = f"sqlite:{tmp_path}/state/budgets.sqlite" if request.param == "sqlite" else redis_url()

    def run(*arguments: str | int) -> dict[str, Any]:
        command = [sys.executable, spenders.__file__, url, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
        assert done.stderr == ""
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    return run


def test_a_burst_of_processes_spends_no_more_than_fits(spend: Spend) -> None:
    found = spend("--processes", 8, "--calls", 100, "--limit", 5 * HOLD)
    assert found["calls"] >= 5
    assert found["billed"] <= 5 * HOLD
    assert found["committed"] == [found["billed"]] * 5
    assert found["held"] == [0] * 5
    assert found["gaps"] == 0


def test_no_call_of_many_processes_is_lost(spend: Spend) -> None:
    found = spend("--processes", 8, "--calls", 100, "--limit", 1_000_000)
    assert found["calls"] == 800
    assert found["committed"] == [found["billed"]] * 5


def test_killed_and_stopped_processes_neither_overspend_nor_strand_what_they_held(spend: Spend) -> None:
    found = spend("--kills", KILLS, "--limit", 15_000)
    assert found["billed"] <= found["limit"]
    assert len(set(found["committed"])) == 1, "all counters of a call are charged, or none"
    assert found["billed"] <= found["committed"][0] <= found["limit"]
    assert found["committed"][0] - found["billed"] <= HOLD * found["expired"]
    assert found["held"] == [0] * 5
    assert found["gaps"] == 0


def test_the_same_run_shows_that_giving_back_at_expiry_overspends(spend: Spend) -> None:
    found = spend("--kills", KILLS, "--limit", 5_000, "--release")
    assert found["billed"] > found["limit"]
