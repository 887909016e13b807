"""`spanledger reconcile`: whether the books agree with each other, to the nano-USD."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from spanledger import config
from spanledger.budget import opening
from spanledger.budget.model import shown
from spanledger.budget.store import Gap, Store, StoreError
from spanledger.cli.opening import recovered, told
from spanledger.cli.table import table
from spanledger.errors import ConfigError
from spanledger.ledger import opening as opening_ledger


def add(commands: Any) -> None:
    """Declare the command."""
    own = commands.add_parser("reconcile", help="compare budgets with their journal and the call ledger")
    own.add_argument("--prometheus", metavar="URL", help="compare with the metrics there too, by service")
    own.add_argument("--format", choices=("table", "json"), default="table")
    own.set_defaults(do=do)


def do(given: argparse.Namespace) -> int:
    """List every gap; returns 0 where the books agree, 1 on a gap, 2 where nobody can tell."""
    settings = config.strict()
    try:
        store = opening.existing_store(settings.store)
        counted, gaps = len(store.figures()), list(store.gaps())
        books, more = _with_ledger(store, given.prometheus)
    except StoreError as error:
        print(f"spanledger reconcile: the store cannot be read: {error}; see SPANLEDGER_STORE", file=sys.stderr)
        return 2
    shown_gaps = [_told(gap) for gap in (*gaps, *more)]
    if given.format == "json":
        print(json.dumps({"counters": counted, "books": books, "gaps": shown_gaps}, indent=2))
    elif shown_gaps:
        print(table(tuple(shown_gaps[0]), [tuple(one.values()) for one in shown_gaps], right=1))
    else:
        print(f"{counted} counters agree with their {' and the '.join(books)}")
    return 1 if shown_gaps else 0


def _with_ledger(store: Store, metrics: str | None) -> tuple[list[str], list[Gap]]:
    """The books that were compared, and the gaps between counters, the ledger and metrics, where they are kept.

    Raises:
        ConfigError: there are some, and they cannot be read.
    """
    url = opening_ledger.url_of(config.strict(), budgeted=True)
    made = None if url is None else recovered(url)
    if made is None:
        if metrics is not None:
            raise ConfigError("metrics are compared with a ledger, and there is none: set SPANLEDGER_DATABASE_URL")
        return ["journal"], []
    from spanledger.ledger import prometheus, reconciling  # noqa: PLC0415  imports much

    books = ["journal", "ledger"]
    with told(), made.connect().execution_options(reads=True) as connection:
        found = list(reconciling.gaps(store, reconciling.charged(connection)))
        if metrics is not None:
            books.append("metrics")
            found += prometheus.gaps(prometheus.counted(metrics), prometheus.costs(connection))
    return books, found


def _told(gap: Gap) -> dict[str, str]:
    return {
        "budget": gap.counter.budget,
        "scope_value": gap.counter.value,
        "window": gap.counter.window,
        "figure": gap.figure,
        "counted": shown(gap.counter.unit, gap.counted),
        "journal": shown(gap.counter.unit, gap.journal),
    }
