"""The command `spanledger`. Each subcommand is a thin face of a room below; a mistake of the user ends with code 2."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from spanledger.budget.store import StoreError
from spanledger.cli import budgets, cost, doctor, ledger, prices, reconcile, report, reprice, run, serve, top
from spanledger.errors import ConfigError


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    made = argparse.ArgumentParser(prog="spanledger", description="What LLM agents cost, on OpenTelemetry.")
    made.add_argument("--version", action="store_true", help="print the version and exit")
    commands = made.add_subparsers(dest="command", metavar="COMMAND")
    for module in (run, budgets, reconcile, ledger, report, cost, prices, reprice, serve, top, doctor):
        module.add(commands)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0 all is well, 1 it is not, 2 the command cannot be carried out."""
    made = parser()
    given = made.parse_args(argv)
    if given.version:
        import spanledger  # noqa: PLC0415  the version is looked up only when asked for

        print(f"spanledger {spanledger.__version__}")
        return 0
    if given.command is None:
        made.print_help()
        return 2
    try:
        code: int = given.do(given)
    except ConfigError as error:
        print(f"spanledger {given.command}: {error}", file=sys.stderr)
        return 2
    except StoreError as error:
        print(f"spanledger {given.command}: the store cannot be used: {error}; see SPANLEDGER_STORE", file=sys.stderr)
        return 2
    return code
