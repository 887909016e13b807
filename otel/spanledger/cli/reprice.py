"""`spanledger reprice`: what the calls in the ledger cost at corrected prices; shown first, written with `--write`."""

from __future__ import annotations

import argparse
import json
from typing import Any

from spanledger import config
from spanledger.cli.opening import engine, moment, told
from spanledger.cli.table import table
from spanledger.money import nine_places
from spanledger.pricing import open_book
from spanledger.pricing.opening import contract_book


def add(commands: Any) -> None:
    """Declare the command."""
    own = commands.add_parser("reprice", help="price the calls in the ledger anew, and show what changes")
    own.add_argument("--since", required=True, metavar="WHEN", help="2026-11-01, 2026-11-01T12:00, or 7d ago")
    own.add_argument("--prices", metavar="FILE", help="prices of your own; default SPANLEDGER_PRICES")
    own.add_argument("--write", action="store_true", help="change the ledger")
    own.add_argument("--format", choices=("table", "json"), default="table")
    own.set_defaults(do=do)


def do(given: argparse.Namespace) -> int:
    """Show what changes, by model; returns 0."""
    settings = config.strict()
    book = contract_book(given.prices) if given.prices else open_book(settings.prices, settings.unpriced)
    made = engine()
    from spanledger.ledger.repricing import reprice  # noqa: PLC0415  imports much

    with told():
        found = reprice(made, book, moment(given.since), write=given.write)
    rows = [
        {
            "provider": one.provider,
            "model": one.model,
            "calls": one.calls,
            "unpriced_before": one.unpriced,
            "before": nine_places(one.before),
            "after": nine_places(one.after),
            "change": nine_places(one.after - one.before),
        }
        for one in found
    ]
    if given.format == "json":
        print(json.dumps({"written": given.write, "changes": rows}, indent=2))
    elif not rows:
        print("no call in the ledger would cost anything else")
    else:
        print(table(tuple(rows[0]), [tuple(map(str, row.values())) for row in rows], right=4))
        print("written" if given.write else "nothing was written: --write does it")
    return 0
