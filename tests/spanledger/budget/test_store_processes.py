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
#: How many processes are killed; 300 by hand: python tests/support/spenders.py sqlite:FILE --kills 300 [--lease FOLDER]
KILLS = 60
#: Two times as many as fit the budget make a call each and die before they settle; the second come when holds are over.
DYING = ("--rounds", 2, "--processes", 10, "--limit", 5 * HOLD)

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


def test_the_holds_of_those_who_died_are_charged_at_expiry_so_that_no_more_is_spent(spend: Spend) -> None:
    found = spend(*DYING)
    assert found["billed"] == found["limit"]
    assert found["committed"] == [found["limit"]] * 5
    assert found["held"] == [0] * 5


def test_the_same_schedule_shows_that_giving_back_at_expiry_overspends(spend: Spend) -> None:
    found = spend(*DYING, "--release")
    assert found["billed"] >= 2 * found["limit"]


def test_killed_and_stopped_processes_that_lease_neither_overspend_nor_strand_their_leases(
    spend: Spend, tmp_path: Path
) -> None:
    found = spend("--kills", KILLS, "--limit", 30_000, "--lease", tmp_path / "leases")
    assert found["leased"] >= 0.9 * found["calls"]
    assert found["billed"] <= found["committed"][0] <= found["limit"]
    assert len(set(found["committed"])) == 1, "all counters of a call are charged, or none"
    dead = KILLS + 8
    assert found["committed"][0] - found["billed"] <= HOLD * dead, "only what dead processes had under way"
    assert found["held"] == [0] * 5
    assert found["gaps"] == 0


@pytest.mark.parametrize(("calls", "limit"), [(100, 5 * HOLD), (100, 1_000_000)])
def test_processes_that_lease_and_end_in_order_leave_the_bill_and_nothing_held(
    spend: Spend, tmp_path: Path, calls: int, limit: int
) -> None:
    found = spend("--processes", 8, "--calls", calls, "--limit", limit, "--lease", tmp_path / "leases")
    assert 5 <= found["calls"] == (800 if limit == 1_000_000 else found["calls"])
    assert found["billed"] <= limit
    assert found["committed"] == [found["billed"]] * 5
    assert found["held"] == [0] * 5
    assert found["gaps"] == 0
    assert not list((tmp_path / "leases").glob("*")), "no log is left behind"
