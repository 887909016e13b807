"""`spanledger ledger`: the call ledger's tables, and its rows to take along."""

from __future__ import annotations

import argparse
import time
from typing import Any

from spanledger import config
from spanledger.cli import carry
from spanledger.cli.opening import engine, told


def add(commands: Any) -> None:
    """Declare the command and what it can do."""
    own = commands.add_parser("ledger", help="look after the call ledger, and take its rows along")
    actions = own.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("migrate", help="bring the tables to this version").set_defaults(do=_migrate)
    actions.add_parser("vacuum", help="forget what is too old, and give its room back").set_defaults(do=_vacuum)
    carry.add(actions)


def _migrate(_given: argparse.Namespace) -> int:
    made = engine(existing=False)
    from spanledger.ledger.migrate import HEAD, migrate  # noqa: PLC0415  as above

    with told():
        new = migrate(made)
    print(f"the ledger's tables are {'now' if new else 'already'} of version {HEAD}")
    return 0


def _vacuum(_given: argparse.Namespace) -> int:
    made = engine()
    from sqlalchemy import text  # noqa: PLC0415  as above

    from spanledger.ledger.retention import Keep, prune  # noqa: PLC0415  as above

    with told():
        gone = prune(made, Keep.of(dict(config.strict().retention or ())), time.time())
        with made.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM"))
            connection.execute(text("ANALYZE"))
    print(f"{gone} rows were too old; their room is free")
    return 0
