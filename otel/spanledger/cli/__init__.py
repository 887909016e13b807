"""The command `spanledger`. Each subcommand is a thin face of a room below; a mistake of the user ends with code 2."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from spanledger.budget.store import StoreError
from spanledger.cli import budgets, cost, doctor, ledger, prices, reconcile, report, reprice, run, serve, top
from spanledger.errors import ConfigError

#: What shells say of a program that SIGPIPE or SIGINT ended.
_UNREAD, _INTERRUPTED = 141, 130


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    made = argparse.ArgumentParser(prog="spanledger", description="What LLM agents cost, on OpenTelemetry.")
    made.add_argument("--version", action="store_true", help="print the version and exit")
    commands = made.add_subparsers(dest="command", metavar="COMMAND")
    for module in (run, budgets, reconcile, ledger, report, cost, prices, reprice, serve, top, doctor):
        module.add(commands)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0 all is well, 1 it is not, 2 the command cannot be carried out.

    Where whoever reads the output has left, or the user has, it ends as a program does that the signal of it ended.
    """
    try:
        code = _done(parser().parse_args(argv))
        print(end="", flush=True)  # where there is no standard output at all, nothing is wrong
    except BrokenPipeError:
        _write_no_more()
        return _UNREAD
    except OSError as error:
        _write_no_more()
        place = f"{error.filename}: " if error.filename else ""
        print(f"spanledger: {place}{error.strerror or error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return _INTERRUPTED
    return code


def _done(given: argparse.Namespace) -> int:
    if given.version:
        import spanledger  # noqa: PLC0415  the version is looked up only when asked for

        print(f"spanledger {spanledger.__version__}")
        return 0
    if given.command is None:
        parser().print_help()
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


def _write_no_more() -> None:
    """Send what is left in the buffers nowhere, so that the interpreter's end does not try once more to write it."""
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
