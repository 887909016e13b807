"""From the settings to a guard with its store, with leases in front of it or without."""

from __future__ import annotations

from pathlib import Path

import pytest

from spanledger.budget.lease import LeasedStore
from spanledger.budget.memory import MemoryStore
from spanledger.budget.sqlite import SqliteStore
from spanledger.budget.store import Claim, Counter
from spanledger.config import Settings
from spanledger.guard import Guard, Warned
from spanledger.pipeline import budgeting
from spanledger.pricing import PriceBook

TOTAL = Counter("global/total", "", "total")


def guard(store: str, lease: str = "auto") -> Guard:
    made = budgeting.guard(Settings(budgets="global=1USD,warn=0.5USD", store=store, lease=lease), PriceBook())
    assert made is not None
    return made


@pytest.mark.parametrize(
    ("store", "lease", "kind"),
    [
        ("sqlite:{here}/b.sqlite", "auto", LeasedStore),
        ("sqlite:{here}/b.sqlite", "off", SqliteStore),
        ("memory:", "auto", MemoryStore),
    ],
)
def test_processes_lease_from_a_store_that_they_share(store: str, lease: str, kind: type, tmp_path: Path) -> None:
    made = guard(store.format(here=tmp_path), lease)
    assert type(made.store) is kind
    made.close()
    assert list(tmp_path.iterdir()) == [], "nothing is written before the first call"


def test_a_warning_that_becomes_due_between_two_calls_reaches_whoever_listens(tmp_path: Path) -> None:
    made = guard(f"sqlite:{tmp_path}/b.sqlite")
    assert isinstance(made.store, LeasedStore)
    warned: list[Warned] = []
    made.on_warning.append(warned.append)
    claims = [Claim(TOTAL, 10**6, 10**9, (5 * 10**8,))]
    for hold in ("a", "b", "c"):
        made.store.reserve(hold, claims, 60)
    made.store.centre.settle("elsewhere", [Claim(TOTAL, 0)], [5 * 10**8 - 1])
    made.store.settle("c", claims, [1])
    made.store._keeper._work()
    assert [(one.counter, one.threshold) for one in warned] == [(TOTAL, 5 * 10**8)]
    made.close()


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("SPANLEDGER_BUDGETS", Settings(budgets="run=plenty")),
        ("SPANLEDGER_BUDGETS", Settings(budgets="/nowhere.yaml")),
        ("SPANLEDGER_STORE", Settings(budgets="run=5USD", store="cupboard")),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_once(
    name: str, asked: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    assert budgeting.guard(asked, PriceBook()) is not None
    assert [one.getMessage().count(name) for one in caplog.records] == [1]
