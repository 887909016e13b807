"""`spanledger reconcile`: whether the books agree with each other, to the nano-USD."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from spanledger import config
from spanledger.budget import opening, reading
from spanledger.budget.model import shown
from spanledger.budget.store import Gap, StoreError
from spanledger.cli.table import table


def add(commands: Any) -> None:
    """Declare the command."""
    own = commands.add_parser("reconcile", help="compare the counters of budgets with their journal of holds")
    own.add_argument("--format", choices=("table", "json"), default="table")
    own.set_defaults(do=do)


def do(given: argparse.Namespace) -> int:
    """List every gap; returns 0 where the books agree, 1 on a gap, 2 where nobody can tell."""
    settings = config.strict()
    units = {budget.name: budget.unit for budget in reading.read(settings)}
    try:
        store = opening.existing_store(settings.store)
        counted, gaps = len(store.figures()), list(store.gaps())
    except StoreError as error:
        print(f"spanledger reconcile: the store cannot be read: {error}; see SPANLEDGER_STORE", file=sys.stderr)
        return 2
    told = [_told(gap, units.get(gap.counter.budget, "USD")) for gap in gaps]
    if given.format == "json":
        print(json.dumps({"counters": counted, "gaps": told}, indent=2))
    elif told:
        print(table(tuple(told[0]), [tuple(one.values()) for one in told], right=1))
    else:
        print(f"{counted} counters agree with their journal")
    return 1 if told else 0


def _told(gap: Gap, unit: Any) -> dict[str, str]:
    return {
        "budget": gap.counter.budget,
        "scope_value": gap.counter.value,
        "window": gap.counter.window,
        "figure": gap.figure,
        "counted": shown(unit, gap.counted),
        "journal": shown(unit, gap.journal),
    }
